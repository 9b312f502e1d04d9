"""The record of a run, one file that the replay tool and Foxglove read: MCAP with JSON messages."""

from deploy.log.format import LogError, LogHeader, Tick
from deploy.log.reader import LogReader
from deploy.log.writer import LogWriter, refuse_existing

__all__ = ["LogError", "LogHeader", "LogReader", "LogWriter", "Tick", "refuse_existing"]
