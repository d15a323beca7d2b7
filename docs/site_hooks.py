"""What `mkdocs build` asks of us: pages that lie outside docs/, and links of the repository made the site's."""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = {
    "card.md": "stereo_exp/weights/CARD.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "notebook.md": "docs/tour.ipynb",
    "notice.md": "NOTICE",
    "readme.md": "README.md",
    "security.md": "SECURITY.md",
}
"""Pages of the site -> files of the repository."""
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_FOREIGN = re.compile(r'<script src="https://unpkg.com/iframe-worker/[^"]*"></script>')
_FENCE = re.compile(r"^(```.*?^```)", re.DOTALL | re.MULTILINE)


def on_files(files: Any, config: Any) -> Any:
    """Take in the pages that lie elsewhere."""
    from mkdocs.structure.files import File

    for page, path in OUTSIDE.items():
        text = (ROOT / path).read_text("utf-8")
        if path.endswith(".ipynb"):
            content = write_notebook(json.loads(text), with_outputs=True)
        else:
            # A file that is no page stands as it is.
            content = text if path.endswith(".md") else f"# {path}\n\n```text\n{text}\n```\n"
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Make a page's links the site's."""
    return point_links(markdown, page.file.src_uri)


def on_post_page(output: str, **_: Any) -> str:
    """Search from disk by a script of our own, where the theme would fetch one from the network."""
    script = (ROOT / "docs" / "search_from_disk.js").read_text("utf-8")
    return _FOREIGN.sub(lambda _: f"<script>\n{script}</script>", output)


def write_notebook(notebook: dict[str, Any], with_outputs: bool = False) -> str:
    """The cells of a notebook as a page, code in fences; with outputs, pictures lie in the page itself."""
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", ()) if with_outputs else ():
            if output["output_type"] == "stream":
                parts.append(f"```text\n{''.join(output['text']).rstrip()}\n```")
            for kind, data in output.get("data", {}).items():
                if kind.startswith("image/"):
                    parts.append(f"![what the cell shows](data:{kind};base64,{''.join(''.join(data).split())})")
    return "\n\n".join(parts) + "\n"


def point_links(markdown: str, page: str) -> str:
    """Links of a page of the site, by what lies where: pages to pages, what the site lacks to its name alone.

    Args:
        page: `howto/camera.md`, or one of `OUTSIDE`.
    """
    here = OUTSIDE.get(page, f"docs/{page}")

    def point(found: re.Match[str]) -> str:
        mark, text, target = found.groups()
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        path, hash_sign, anchor = target.partition("#")
        place = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
        inside = next((name for name, other in OUTSIDE.items() if other == place), None)
        if inside is None and place.startswith("docs/"):
            inside = place.removeprefix("docs/")
        if inside is None:
            # Code is not part of the site.
            return f"{text} (`{place}`)"
        return f"{mark}[{text}]({posixpath.relpath(inside, posixpath.dirname(page) or '.')}{hash_sign}{anchor})"

    parts = _FENCE.split(markdown)
    return "".join(part if part.startswith("```") else _LINK.sub(point, part) for part in parts)
