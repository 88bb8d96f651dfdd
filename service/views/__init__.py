"""The shapes in which a workspace answers: JSON-ready, the same over HTTP, on the command line and in the dashboard.

Times are ISO 8601 text with offset. A number that cannot be said is None. The files are by subject; whoever uses a shape takes it from here.
"""

from service.views.alerts import AlertEventView, AlertView, CauseView, Marker, TimelineItem
from service.views.columns import (
    DriftRow,
    ErrorByValue,
    FeatureView,
    GateView,
    Histogram,
    PeerOpinion,
    QuantilePair,
    QuantileStep,
    SegmentDrift,
    SegmentError,
    ShareStep,
)
from service.views.models import BudgetView, Health, MetricView, ModelView, RowCounts, WindowView
from service.views.readings import HeatCell, PerformancePoint, ReadingView, RowsDriver, RowsReading
from service.views.replays import ReplayAlert, ReplayView, Sensitivity
from service.views.versions import GateRow, JobView, VersionView
from service.views.work import AppendView, DemoView, RowPage, RunView

__all__ = [
    "AlertEventView",
    "AlertView",
    "AppendView",
    "BudgetView",
    "CauseView",
    "DemoView",
    "DriftRow",
    "ErrorByValue",
    "FeatureView",
    "GateRow",
    "GateView",
    "Health",
    "HeatCell",
    "Histogram",
    "JobView",
    "Marker",
    "MetricView",
    "ModelView",
    "PeerOpinion",
    "PerformancePoint",
    "QuantilePair",
    "QuantileStep",
    "ReadingView",
    "ReplayAlert",
    "ReplayView",
    "RowCounts",
    "RowPage",
    "RowsDriver",
    "RowsReading",
    "RunView",
    "SegmentDrift",
    "SegmentError",
    "Sensitivity",
    "ShareStep",
    "TimelineItem",
    "VersionView",
    "WindowView",
]
