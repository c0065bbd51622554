"""Models: bundle, predictor, calibration, registry, champions, card. See docs/bundle.md and docs/registry.md."""
