"""What runs on a board: the node manager and its stages.

Standard library, pyzmq and numpy only (an engine may import more), syntax of Python 3.8: the images
of PYNQ boards have no newer one. Shipped as one zipapp.
"""
