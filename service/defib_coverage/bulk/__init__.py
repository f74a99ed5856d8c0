"""An export of HL7 FHIR Bulk Data: asked for, waited for, and loaded into a folder."""
