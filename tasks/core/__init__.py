"""What every room shares: settings, errors, records, variants, log-probabilities."""
