"""The webhook solver for cert-manager: an extension API server that publishes dns-01 values."""
