"""The datasets this project knows: schema, where it can be had, reader, traps; one module each."""
