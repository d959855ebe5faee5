"""The analyses of a report, one module each: a function that takes a Company and gives a Section.

A section that the tables do not allow raises `crmkit.report.company.Missing` with the reason.
"""
