"""Open synthesis: from SystemVerilog to counted cells, with Yosys and no vendor tool.

``cached_synthesis`` (cache.py) is the way in; ``synthesise`` (recipe.py) does the work.
"""
