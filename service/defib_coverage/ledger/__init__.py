"""The ledger: what was decided and what clinicians answered, so that no change goes unnoticed."""
