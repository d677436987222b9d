// What the C library does before main of a static program, without the parts that weft-cni has no use for: of a run of
// two milliseconds they are a tenth.
//  - The library asks the processor what it can do, by some fifty CPUID instructions. In a virtual machine each of them
//    leaves to the hypervisor, for 3 us. Here the memory functions are those that every x86-64 processor can run, with
//    the bounds that follow; the strings of one pod need no faster ones.
//  - It looks up the program's folder in /proc, for a dlopen() that weft-cni never calls. For a new process /proc has
//  to
//    make its folder first, and to take it away at its end.
//  - It reads GLIBC_TUNABLES.
// Functions of the library's own names stand in their place. They fit one version of it (its internal functions are
// called as csu/libc-start.c of glibc 2.36, Debian 12's, calls them); with any other the library's start is used.
#include <features.h>

#if defined(__x86_64__) && __GLIBC__ == 2 && __GLIBC_MINOR__ == 36
#include <elf.h>
#include <link.h>
#include <cstdint>
#include <cstdlib>

extern "C" {

// The library's, all of them.
extern char** __environ;
extern void* __libc_stack_end;
extern uintptr_t* _dl_random;  // 16 bytes from the kernel, AT_RANDOM
void _dl_aux_init(const ElfW(auxv_t) *);
void __libc_setup_tls();
void __libc_early_init(bool initial);
void __libc_init_first(int argc, char** argv, char** env);
void _init();

// The linker's: the functions that are chosen at the start, and the constructors.
using Constructor = void (*)(int, char**, char**);
extern const ElfW(Rela) __rela_iplt_start[], __rela_iplt_end[];
extern const Constructor __init_array_start[], __init_array_end[];

// From which size on the memory functions write past the caches, or use string instructions (bytes).
long __x86_data_cache_size = 32 << 10;
long __x86_data_cache_size_half = 16 << 10;
long __x86_shared_cache_size = 1 << 20;
long __x86_shared_cache_size_half = 512 << 10;
long __x86_shared_non_temporal_threshold = 768 << 10;
long __x86_rep_movsb_threshold = 2 << 10;
long __x86_rep_stosb_threshold = 2 << 10;
long __x86_rep_movsb_stop_threshold = 768 << 10;
int __x86_string_control = 0;

const char* _dl_get_origin() {
    return reinterpret_cast<const char*>(-1);  // the library's own answer when it cannot find out
}

// Compiled without the stack protector (CMakeLists.txt), whose secret is set here; no function of the library may be
// called before choose() has run. Destructors of the whole program (.fini_array) are not run: the kernel frees it all.
int __libc_start_main(int (*main)(int, char**, char**), int argc, char** argv, void (*)(), void (*)(), void (*)(),
                      void* stack_end) {
    char** const env = argv + argc + 1;
    char** end = env;
    while (*end != nullptr) {
        ++end;
    }
    __environ = env;
    __libc_stack_end = stack_end;
    _dl_aux_init(reinterpret_cast<const ElfW(auxv_t)*>(end + 1));
    for (const ElfW(Rela)* choice = __rela_iplt_start; choice != __rela_iplt_end; ++choice) {
        const auto choose = reinterpret_cast<uintptr_t (*)()>(choice->r_addend);
        *reinterpret_cast<uintptr_t*>(choice->r_offset) = choose();
    }
    __libc_setup_tls();
    asm volatile("mov %0, %%fs:0x28" : : "r"(_dl_random[0] & ~uintptr_t{0xff}));  // the stack protector's secret
    asm volatile("mov %0, %%fs:0x30" : : "r"(_dl_random[1]));                     // the one of stored code pointers
    __libc_early_init(true);
    __libc_init_first(argc, argv, env);
    _init();
    for (const Constructor* constructor = __init_array_start; constructor != __init_array_end; ++constructor) {
        (*constructor)(argc, argv, env);
    }
    exit(main(argc, argv, env));
}
}
#endif
