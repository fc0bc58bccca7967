"""What a build says of its image beside the image: what is in it, and how it was made.

options     PURE: what --attest, --sbom and --provenance ask for
spdx        PURE: packages as an SPDX document
provenance  PURE: a build as SLSA provenance
"""
