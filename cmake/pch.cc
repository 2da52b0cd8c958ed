// The precompiled header needs a translation unit of its own to live in.
