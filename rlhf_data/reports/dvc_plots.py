"""Vega's JavaScript, from the installed vl-convert → `.dvc/plots/offline.html`, with which DVC draws offline.

DVC's own plots page loads Vega from a CDN and shows nothing without a network. Run once at set-up:
`python -m rlhf_data.reports.dvc_plots`; `dvc config plots.html_template plots/offline.html` makes DVC use it.
"""

from __future__ import annotations

from pathlib import Path

from rlhf_data import cli
from rlhf_data.errors import ParamsError
from rlhf_data.storage.atomic import atomically

TEMPLATE = Path(".dvc/plots/offline.html")
GLOBALS = "Object.assign(window, {vega, vegaLite, vegaEmbed})"  # DVC's own scripts call vegaEmbed

# {plot_divs} and {refresh_tag} are DVC's placeholders; leaving {scripts} out keeps its CDN links away. The bundle is
# wrapped because its hundreds of top-level names would else clash with the `var spec` of DVC's own scripts.
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh_tag}
<title>DVC plots</title>
<style>body { font-family: system-ui, sans-serif; margin: 1rem } table { border-spacing: 15px }</style>
<script>(function () { "use strict";
BUNDLE
})();</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def template() -> str:
    """The page into which DVC puts its plots."""
    import vl_convert

    # the text `</script` would end the element wherever it stood, in a string too
    bundle = vl_convert.javascript_bundle(snippet=GLOBALS).replace("</script", "<\\/script")
    return PAGE.replace("BUNDLE", bundle)


def main() -> None:
    """Writes the template where DVC's configuration names it; raises `ParamsError` outside a project."""
    if not TEMPLATE.parent.parent.is_dir():
        raise ParamsError(f"{TEMPLATE.parent.parent}: absent; run this from the project's root")
    atomically(TEMPLATE, lambda partial: partial.write_text(template(), encoding="utf8"))
    print(f"{TEMPLATE}: `dvc plots show` now draws without a network")


if __name__ == "__main__":
    cli.run(main)
