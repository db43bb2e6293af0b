"""Readers of the reports of Vivado and HLS: text in, typed records out, never a wrong number.

The kind is told by content. Columns are read by header and rows by name, within the right section;
what a report says twice is compared. See docs/formats.md.
"""

from reports.readers.read_report import read_report as read_report
from reports.readers.read_report import read_reports as read_reports
from reports.readers.records import HierarchyRow as HierarchyRow
from reports.readers.records import HlsReport as HlsReport
from reports.readers.records import PowerReport as PowerReport
from reports.readers.records import Provenance as Provenance
from reports.readers.records import Report as Report
from reports.readers.records import ReportKind as ReportKind
from reports.readers.records import TimingReport as TimingReport
from reports.readers.records import UtilizationReport as UtilizationReport
