// The C library's start of a static program looks up the program's folder in /proc, for a dlopen() that weft-cni never
// calls. For a new process /proc has to make its folder first, and to take it away at its end: a twentieth of
// weft-cni's own time. Of the same name as the library's, this stands in its place.
extern "C" const char* _dl_get_origin();

extern "C" const char* _dl_get_origin() {
    return reinterpret_cast<const char*>(-1);  // the library's own answer when it cannot find out
}
