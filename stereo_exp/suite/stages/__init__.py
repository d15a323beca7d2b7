"""The numeric stages of a network, each with its trainer; declared in `stereo_exp.config.schema`."""
