// What the statically linked weft-cni does not do before main(). Each of these is a function of a library that the
// linker takes from here instead, because an object of ours comes before the archives.

extern "C" {

// glibc asks /proc for the program's path, for a dlopen() that weft-cni never calls: 40 us, since /proc has to make its
// folders for the new process first. -1: not known.
const char* _dl_get_origin() {  // NOLINT(bugprone-reserved-identifier): glibc's name
    return reinterpret_cast<const char*>(-1);
}

// OpenSSL asks the processor what it can, 70 us in a virtual machine, where each question goes to the hypervisor.
// SHA-256 of a few bytes runs on any.
void OPENSSL_cpuid_setup() {}
}
