"""Trees and tars: writing, reading, unpacking and comparing the files of a layer."""
