"""What tools say of a design, as records; tables and figures of those.

Imports neither FINN nor torch, and pandas and matplotlib only in the functions that need them.
"""

from reports.sweep_report import write_sweep_report as write_sweep_report
