"""Agents that ask no model: habits that simulators are measured with."""
