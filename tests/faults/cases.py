"""Every case that was found by breaking things or reported by people, with what holds now and the test that holds it.

`python tests/faults/cases.py` prints the table. The files lie beside a development checkout; each of these tests makes
its own small input as well.
"""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "cases"
# The first word of a file below fuzz/ -> the parser of `corpora.py`.
FUZZED = {
    "caliball": "calibration",
    "calibjson": "calibration",
    "calibyaml": "calibration",
    "ckptfind": "checkpoint",
    "ckptmeta": "checkpoint",
    "config": "config",
    "graph": "graph",
    "manifest": "manifest",
    "metrics": "metrics",
    "npz": "npz",
    "pairtable": "table",
    "pngsize": "png-size",
    "shardindex": "shard-index",
    "shardmeta": "shard-meta",
    "shardnpy": "npy",
    "stbytes": "checkpoint",
}
BROKEN = {
    "min/calib_big_integer.json": "calibration",
    "min/calib_deep.json": "calibration",
    "min/calib_opencv_abort_full.xml": "calibration",
    "min/calib_opencv_no_cols.yml": "calibration",
    "min/ckpt_config_empty.safetensors": "checkpoint-file",
    "min/ckpt_config_null.safetensors": "checkpoint-file",
    "min/ckpt_meta_deep.safetensors": "checkpoint-file",
    "min/ckpt_model_number.safetensors": "checkpoint-file",
    "min/dollar.csv": "table",
    "min/index_deep.json": "shard-index",
    "min/manifest_deep.json": "manifest",
    "min/npy_9000_minus.npy": "npy",
    "min/npy_minus_signs.npy": "npy",
    "min/pairs_dot.csv": "table",
    "min/truth_text_member.npz": "npz",
    "bomb.npz": "npz",
    "bomb.png": "image",
    "shards/JSON_has_left_empty.tar": "tar",
    "shards/disparity_header_of_9000_brackets.tar": "tar",
    "shards/disparity_header_of_minus_signs.tar": "tar",
    "shards/right_image_a_bomb_of_16000x16000.tar": "tar",
}
"""A file -> the parser that it broke."""
TAKEN = ("min/dollar.csv",)
"""Broke something behind the parser, which takes them."""
_CALIB = "tests/camera/test_reported_calibrations.py::test_of_cameras_as_they_are"
REPORTED = {
    "ascii-output": (
        "printed as far as the terminal can show it",
        "tests/faults/test_cases.py::test_a_terminal_that_knows_few_letters",
    ),
    "calib-bom": ("read, whatever mark", "tests/camera/test_reported_calibrations.py::test_of_rectified_images"),
    "calib-fisheye": ("rectified as a fisheye", _CALIB),
    "calib-mm": ("the unit is asked for", "tests/camera/test_reported_calibrations.py::test_without_a_right_answer"),
    "calib-other-size": (
        "scaled, or refused",
        "tests/camera/test_calibration_kinds.py::test_a_calibration_for_another_size_is_scaled_or_refused",
    ),
    "calib-plain-lists": ("read", _CALIB),
    "calib-rectified": ("read", "tests/camera/test_reported_calibrations.py::test_of_rectified_images"),
    "common": ("the pair of the others", "tests/frames/test_pictures.py::test_the_reported_files"),
    "ctrl-c": (
        "saved, one line, 130",
        "tests/faults/test_signals.py::test_training_saves_ends_its_children_and_is_gone_in_ten_seconds",
    ),
    "depth-far": (
        "0, unknown",
        "tests/frames/test_infer_outputs.py::test_what_is_too_far_for_16_bits_is_unknown",
    ),
    "disk-full-training": ("one line, 2", "tests/faults/test_finished.py::test_a_full_disk_is_one_line"),
    "empty-variable": ("one line, 2", "tests/faults/test_cases.py::test_an_empty_name"),
    "exif-turned": ("turned as a viewer does", "tests/frames/test_pictures.py::test_the_reported_files"),
    "film-rate": ("its own rate, paired by time", "tests/frames/test_films.py::test_the_reported_films"),
    "float-tiff": ("read", "tests/frames/test_pictures.py::test_the_reported_files"),
    "frames-dropped": ("paired by name", "tests/frames/test_matching_names.py::test_the_reported_folders"),
    "frames-sizes": ("each at its own size", "tests/frames/test_matching_names.py::test_the_reported_folders"),
    "frames-unpadded": ("in the order of numbers", "tests/frames/test_matching_names.py::test_the_reported_folders"),
    "grey-12-in-16": ("the bits that are used", "tests/frames/test_pictures.py::test_the_reported_files"),
    "jpeg-cut": ("one line, 2", "tests/frames/test_pictures.py::test_the_reported_files"),
    "list-absolute": ("names its pair", "tests/faults/test_cases.py::test_a_list_of_absolute_paths"),
    "long-name": ("one line, 2", "tests/faults/test_cases.py::test_a_name_of_too_many_letters"),
    "paths": ("a folder stays what it is called", "tests/faults/test_cases.py::test_a_folder_that_looks_like_a_number"),
    "pfm-trailing": ("one line, 2", "tests/faults/test_cases.py::test_a_pfm_with_something_else_in_it"),
    "root-special": (
        "the store lies below the root",
        "tests/faults/test_tracking.py::test_a_store_in_a_folder_of_any_name",
    ),
    "runtime-cli": ("one line, 2", "tests/runtime/test_runtime_alone.py::test_command_line_errors"),
    "same-view-twice": ("one line, 2", "tests/frames/test_matching_names.py::test_one_view_twice"),
    "shm-small": ("named, and ended", "tests/faults/test_stalled.py::test_a_stopped_worker_is_named_and_ends_the_run"),
    "symlinked-scenes": ("every pair, links too", "tests/faults/test_cases.py::test_two_stars_go_through_links"),
    "tracker-gone": (
        "a warning; training goes on",
        "tests/faults/test_tracking.py::test_a_training_whose_server_dies_goes_on",
    ),
    "truth-nan": ("NaN is unknown", "tests/faults/test_cases.py::test_truth_with_nan_for_unknown"),
    "truth-negative": (
        "fails with 1, and says so",
        "tests/faults/test_nonfinite.py::test_a_training_without_a_result_fails_and_keeps_the_best_before",
    ),
}
"""A folder below reports/ -> what is right, and the test; `open`: nobody holds it yet."""


def broken_files() -> dict[str, str]:
    """Every file below faults/ and the parser that it is for; empty where they are not beside the checkout."""
    faults = FOLDER / "faults"
    fuzzed = {f"fuzz/{path.name}": FUZZED[path.name.split("_")[0]] for path in sorted((faults / "fuzz").glob("*.bin"))}
    return {name: parser for name, parser in {**BROKEN, **fuzzed}.items() if (faults / name).is_file()}


def main() -> None:
    print("| case | what holds | test |\n| --- | --- | --- |")
    for name, parser in {**BROKEN, **broken_files()}.items():
        holds = "taken" if name in TAKEN else "one line, 2, or skipped and counted"
        test = f"tests/faults/test_cases.py::test_what_broke_a_parser_is_told_in_a_line[{name}]"
        print(f"| faults/{name} ({parser}) | {holds} | `{test}` |")
    for name, (holds, test) in REPORTED.items():
        print(f"| reports/{name} | {holds} | {test if test == 'open' else f'`{test}`'} |")


if __name__ == "__main__":
    sys.exit(main())
