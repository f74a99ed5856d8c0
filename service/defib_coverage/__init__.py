"""CDS Hooks coverage service for implantable defibrillators under Medicare NCD 20.4.

One order-sign call, bytes to cards:

    bytes
     | hooks.wire: decode ................... HookRequest      malformed: 400 with the place
     | fhir.order_reader .................... DeviceOrder...   none of ours: no cards, at once
     | fhir.reader .......................... Chart            a bad resource is a gap
     | coverage.determine ................... Determination    pure
     | hooks.cards .......................... cards
     v bytes

``coverage`` is the pure core, ``fhir`` and ``hooks`` speak two foreign vocabularies, ``content``
loads the rules, the codes and the wording, ``app`` and ``command`` wire it up.
"""

__version__ = "0.1.0"
