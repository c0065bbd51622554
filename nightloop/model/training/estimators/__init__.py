"""Estimators that a training may fit, each behind the interface of ``trainers.Trainer``."""
