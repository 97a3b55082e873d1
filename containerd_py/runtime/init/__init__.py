"""The init worker `pyc:[1:INIT]`: carries a Plan out inside the new namespaces and becomes the payload.

Standard library only. It knows no JSON schema and no policy, and after `freeze` it opens nothing by name but through
`runtime.linux.paths` (SECURITY R4, R5). One module per subject; each registers its executors in `steps.EXECUTORS`.
"""
