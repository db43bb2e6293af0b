"""From a part of a network to the RTL of a circuit that computes it.

``part_circuit`` builds the whole chain; the files beside it each make one kind of layer. Nothing
here runs a tool: FINN writes the window generators, jinja2 the modules that hold layers together.
"""
