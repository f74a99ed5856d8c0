"""Foreign vocabulary 1: FHIR R4. From JSON to the chart and the orders of the core."""
