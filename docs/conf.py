"""Sphinx: `make docs` builds docs/ into build/docs, with warnings as errors."""

from importlib.metadata import version as version_of

project = "split-dse"
author = "the split-dse authors"
release = version_of("split-dse")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
html_theme = "furo"
html_title = f"split-dse {release}"
exclude_patterns: list[str] = []
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "dollarmath"]
# FINN and torch are never needed to build the documentation.
autodoc_mock_imports = ["finn", "torch", "brevitas"]
