"""Data sets with random access: one module each, all of them `stereo_exp.data.source.StereoSource`."""
