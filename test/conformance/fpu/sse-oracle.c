/* Runs single SSE, SSE2 and MMX instructions on the host: records on stdin, the same with the outcome on stdout.
 * An unmasked exception arrives as SIGFPE; the instruction is then skipped. Built for 32
 * or 64 bits, without a red zone. See sse-records.ts for the layout. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

struct record {
  uint8_t code[12], length, trapped, eflags, unused;
  uint32_t mxcsr, eax, ecx, pad;
  uint8_t xmm1[16], xmm2[16], mm1[8], mm2[8];
} __attribute__((packed, aligned(16)));

#ifdef __x86_64__
enum { INSTRUCTION_POINTER = REG_RIP };
#else
enum { INSTRUCTION_POINTER = REG_EIP };
#endif

static volatile int trapped;
static int length;

static void skip(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  ((ucontext_t *)context)->uc_mcontext.gregs[INSTRUCTION_POINTER] += length;
  trapped = 1;
}

int main(void) {
  struct sigaction action = {.sa_sigaction = skip, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGFPE, &action, 0);
  enum { SLOTS = 4096, SLOT = 64 };
  uint8_t *code = mmap(0, SLOTS * SLOT, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) return 2;
  static struct record batch[SLOTS];
  const uint32_t quiet = 0x1f80;
  size_t count;
  while ((count = fread(batch, sizeof(struct record), SLOTS, stdin)) > 0) {
    for (size_t n = 0; n < count; n++) {
      memcpy(code + n * SLOT, batch[n].code, 12);
      code[n * SLOT + batch[n].length] = 0xc3;
    }
    for (size_t n = 0; n < count; n++) {
      struct record *r = &batch[n];
      unsigned long flags = r->eflags | 2;
      uint32_t eax = r->eax, ecx = r->ecx;
      trapped = 0;
      length = r->length;
      /* The memory operand, if any, is xmm2's place in the record, at [edx] or [rdx]. */
      __asm__ volatile("ldmxcsr 16(%[r])\n\tmovaps 32(%[r]), %%xmm1\n\tmovaps 48(%[r]), %%xmm2\n\t"
                       "movq 64(%[r]), %%mm1\n\tmovq 72(%[r]), %%mm2\n\tpush %[flags]\n\tpopf\n\t"
                       "call *%[entry]\n\t"
                       "pushf\n\tpop %[flags]\n\tstmxcsr 16(%[r])\n\tmovaps %%xmm1, 32(%[r])\n\t"
                       "movq %%mm1, 64(%[r])\n\temms\n\tldmxcsr %[quiet]"
                       : [flags] "+D"(flags), "+a"(eax), "+c"(ecx)
                       : [r] "b"(r), [entry] "S"(code + n * SLOT), "d"(r->xmm2), [quiet] "m"(quiet)
                       : "memory", "cc", "xmm1", "xmm2");
      r->eflags = (uint8_t)(flags & 0xd5);
      r->eax = eax;
      r->trapped = (uint8_t)trapped;
    }
    fwrite(batch, sizeof(struct record), count, stdout);
  }
  return 0;
}
