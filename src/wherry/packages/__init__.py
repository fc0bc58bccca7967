"""What is installed in an image, by the records that package managers and compilers leave in it.

package     PURE: one package, and its purl
expression  PURE: SPDX license expressions
dpkg, apk, rpm, python, npm, gem     PURE: one kind of record each, from its bytes
elf         where the parts of an ELF file lie
golang      the modules that a Go program was built of
java        the packages in a jar
owners      which package brought a file, by the lists that they keep
find        all of them, in one walk over an image's files

Records come from strangers: each is bounded, and one that is damaged is passed over.
"""
