"""The RTL library: SystemVerilog modules that circuits are made of, one module a file."""
