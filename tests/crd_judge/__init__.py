"""The judge of CRD answers: every rule that an answer must hold, and nothing of the service.

``rules.broken_rules`` is the way in. What an answer says is read as JSON text, so that a digit that
is lost is seen.
"""
