"""The static performance report: what every layer costs, counted, and how long a device would need, estimated."""

from stereo_exp.deploy.report.estimate import (
    JSON_FILE,
    PAGE_FILE,
    Figures,
    describe_device,
    estimate_seconds,
    measure_device,
    summarize,
    write_report,
)
from stereo_exp.deploy.report.layers import Layer, count_layers
from stereo_exp.deploy.report.page import render_page

__all__ = [
    "JSON_FILE",
    "PAGE_FILE",
    "Figures",
    "Layer",
    "count_layers",
    "describe_device",
    "estimate_seconds",
    "measure_device",
    "render_page",
    "summarize",
    "write_report",
]
