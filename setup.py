"""The one thing setup.cfg cannot say: `conf/` lies beside the package in a checkout and inside it once installed."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["stereo_exp", "stereo_exp.*", "data_tools", "data_tools.*"]), "stereo_exp.conf"]
)
