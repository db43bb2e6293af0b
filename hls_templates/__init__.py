"""The split kernels in HLS C++: templates, their testbench and Tcl, and what fills them.

``kernel_files.render_kernel(part)`` gives the sources and memories of one part,
``kernel_folder.write_kernel_folder`` writes them, ``kernel_program`` compiles and runs them with
g++. The layers are those of finn-hlslib, which is the user's checkout and no part of this.
"""
