// The start of the statically linked weft-cni, without what it has no use for. A run takes some two milliseconds, and
// in a virtual machine a fifth of them went by before main(): the C library asks the processor 43 questions (which
// vector instructions, which caches) to choose among its string functions, OpenSSL six more, and each goes to the
// hypervisor, 5 to 10 us. The functions here have the libraries' names, and the linker takes them because an object of
// ours comes before the archives. With them every string function is the one that runs on any x86-64.
//
// They follow the sources of glibc 2.36 (csu/libc-start.c, what it does in a static program), Debian 12's; with any
// other glibc this file is empty and the libraries start as they always do. tests/netns/cni runs the program so linked.
#include <features.h>

#if defined(__x86_64__) && defined(__GLIBC__) && __GLIBC__ == 2 && __GLIBC_MINOR__ == 36

#include <elf.h>

#include <cstdint>
#include <cstdlib>

extern "C" {

// OpenSSL: SHA-256 of a few bytes needs nothing of what it would find.
void OPENSSL_cpuid_setup() {}

// glibc: the program's path, for a dlopen() that is never called. /proc makes its folders for a new process first,
// which takes 40 us. -1: not known.
const char* _dl_get_origin() {
    return reinterpret_cast<const char*>(-1);
}

// glibc: sizes that its copying functions go by, the values that it starts with itself.
long __x86_data_cache_size_half = 32 * 1024 / 2;
long __x86_data_cache_size = 32 * 1024;
long __x86_shared_cache_size_half = 1024 * 1024 / 2;
long __x86_shared_cache_size = 1024 * 1024;
long __x86_shared_non_temporal_threshold = 1024 * 1024 * 3 / 4;
long __x86_rep_movsb_threshold = 2048;
long __x86_rep_stosb_threshold = 2048;
long __x86_rep_movsb_stop_threshold = 1024 * 1024 * 3 / 4;
int __x86_string_control = 0;

extern char** __environ;
extern void* __libc_stack_end;
extern const std::uintptr_t* _dl_random;  // 16 bytes that the kernel gives
extern const Elf64_Rela __rela_iplt_start[] __attribute__((weak));
extern const Elf64_Rela __rela_iplt_end[] __attribute__((weak));
using Initializer = void (*)(int, char**, char**);
extern const Initializer __preinit_array_start[];
extern const Initializer __preinit_array_end[];
extern const Initializer __init_array_start[];
extern const Initializer __init_array_end[];
void _init();
void _dl_aux_init(Elf64_auxv_t*);
void __libc_setup_tls();
void __libc_early_init(bool);
void __libc_init_first(int, char**, char**);

// Functions of which the library has several choose one: the plainest, since nothing is known of the processor.
static void choose_functions() {
    for (const auto* at = __rela_iplt_start; at < __rela_iplt_end; ++at) {
        const auto chosen = reinterpret_cast<std::uintptr_t (*)()>(at->r_addend);
        *reinterpret_cast<std::uintptr_t*>(at->r_offset) = chosen();
    }
}

// What guards return addresses and jump buffers, in the thread's own block.
static void set_guards() {
    asm volatile("mov %0, %%fs:0x28" : : "r"(_dl_random[0] & ~std::uintptr_t{0xff}));
    asm volatile("mov %0, %%fs:0x30" : : "r"(_dl_random[1]));
}

[[noreturn]] int __libc_start_main(int (*program)(int, char**, char**), int argc, char** argv, void (*)(), void (*)(),
                                   void (*)(), void* stack_end) {
    __environ = argv + argc + 1;
    __libc_stack_end = stack_end;
    char** after = __environ;
    while (*after++ != nullptr) {
    }
    _dl_aux_init(reinterpret_cast<Elf64_auxv_t*>(after));
    choose_functions();
    __libc_setup_tls();
    set_guards();
    __libc_early_init(true);
    __libc_init_first(argc, argv, __environ);
    for (const auto* at = __preinit_array_start; at < __preinit_array_end; ++at) (*at)(argc, argv, __environ);
    _init();
    for (const auto* at = __init_array_start; at < __init_array_end; ++at) (*at)(argc, argv, __environ);
    std::exit(program(argc, argv, __environ));
}
}

#endif
