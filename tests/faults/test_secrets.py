"""What lets somebody in stands in no file that a run leaves: names and passwords in URLs, signatures, tokens."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from in_process import run_in_process

from stereo_exp.base import DataError, UserError, mask, mask_all
from stereo_exp.base.masking import MaskingFormatter, mask_file


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://me:pw@host/x", "https://***@host/x"),
        ("rtsp://admin@10.0.0.3:554/live", "rtsp://***@10.0.0.3:554/live"),
        ("postgresql+psycopg2://u:p%40q@db:5432/x", "postgresql+psycopg2://***@db:5432/x"),
        ("https://h/x?X-Amz-Signature=abc&X-Amz-Date=1#top", "https://h/x?X-Amz-Signature=***&X-Amz-Date=***#top"),
        ("https://h/x?sv=1;sig=a%3D", "https://h/x?sv=***;sig=***"),
        ("https://h/x?abcdef", "https://h/x?***"),
        ("a https://u:p@h/1, b https://u:p@h/2?k=v", "a https://***@h/1, b https://***@h/2?k=***"),
        ('{"uri": "https://u:p@h/x?k=v", "n": 1}', '{"uri": "https://***@h/x?k=***", "n": 1}'),
        ("pipe:curl -s -u me:pw https://h/{}", "pipe:curl -s -u *** https://h/{}"),
        ("pipe:curl -H 'Authorization: Bearer abc' https://h/{}", "pipe:curl -H 'Authorization: ***' https://h/{}"),
        ("pipe:curl -H 'X-Api-Key: abc' h/{}", "pipe:curl -H 'X-Api-Key: ***' h/{}"),
        (
            "pipe:AWS_SECRET_ACCESS_KEY=abc aws s3 cp s3://b/{} -",
            "pipe:AWS_SECRET_ACCESS_KEY=*** aws s3 cp s3://b/{} -",
        ),
        ("pipe:x --password=abc --token abc {}", "pipe:x --password=*** --token *** {}"),
    ],
)
def test_what_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked
    assert mask(masked) == masked, "twice is once"


@pytest.mark.parametrize(
    "text",
    ["outputs/a@b/c", "sqlite:///outputs/mlflow.db", "https://host:8080/shards", "me@host: what?", "a=b",
     "pipe:cat /d/{}", "optim.token=1", "why? because", "s3://bucket/x/{}"],
)  # fmt: skip
def test_what_is_left(text: str) -> None:
    assert mask(text) == text


def test_a_tree_a_file_a_log_and_an_error(tmp_path: Path) -> None:
    assert mask_all({"a": ["ftp://u:p@h", 1, None], "b": {"c": ("x",)}}) == {
        "a": ["ftp://***@h", 1, None],
        "b": {"c": ["x"]},
    }
    path = tmp_path / "x.yaml"
    path.write_text("root: https://u:p@h\n")
    mask_file(path)
    mask_file(tmp_path / "none")
    assert path.read_text() == "root: https://***@h\n"
    path.write_bytes(b"\xff://u:p@h")
    mask_file(path)
    try:
        raise OSError("https://u:p@h")
    except OSError as error:
        record = logging.LogRecord("x", 20, "f", 1, "fetched %s", ("https://u:p@h",), (OSError, error, None))
    assert "u:p" not in MaskingFormatter().format(record)
    assert "u:p" not in str(UserError("dataset.root", "https://u:p@h", "rule", "fix"))
    assert "u:p" not in str(DataError("https://u:p@h/index.json", None, "rule https://u:p@h", "fix"))


SECRET = "s3cr3t"


@pytest.mark.parametrize("job", [(), ("-m", "seed=1,2")], ids=["run", "sweep"])
def test_no_record_of_a_run_holds_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    url = f"http://me:{SECRET}@127.0.0.1:9/shards?sig={SECRET}"
    tracked = f"sqlite:///{tmp_path}/store.db?token={SECRET}"
    outcome = run_in_process(
        *job, "experiment=smoke", "dataset=sceneflow", f"dataset.root='{url}'", f"infer.left='rtsp://a:{SECRET}@c/x'",
        "task=eval", "checkpoint=release", "tracker=mlflow", f"tracker.uri='{tracked}'", "root=out", "eval.pictures=0",
    )  # fmt: skip
    assert outcome.code == 2, outcome.err
    assert SECRET not in outcome.err + outcome.out
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"config.yaml", "run.json", "overrides.yaml", "hydra.yaml", "stereo_exp.log"} <= names
    if job:
        assert "multirun.yaml" in names
    for path in files:
        assert SECRET.encode() not in path.read_bytes(), path
