"""The value sets as FHIR R4: what is published, and what a terminology client may ask.

value sets, policy (TOML)
 | releases ........ a release per day on which the article's lists change
 | sets ............ each value set as of a release: members, each with its code system's release
 | value_sets, code_systems, concept_maps, manifest, plan, guide ... FHIR resources
 | catalogue ....... all resources of all releases, found by id, by url, by url and version
 v package, history, push, spreadsheet, pages; operations (expand, validate, look up, translate)
"""
