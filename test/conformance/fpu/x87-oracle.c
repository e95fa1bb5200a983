/* Runs single x87 instructions on the host's own unit: records on stdin, the same records with the outcome on
 * stdout. Built for 32 or 64 bits, which makes no difference to the unit. See x87-records.ts for the layout. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct record {
  uint8_t opcode, modrm, prefix, unused; /* prefix: 0 or 66h */
  uint16_t control, status;
  uint8_t tag, eflags, pad[6];
  uint8_t registers[8][10]; /* ST(0) first */
  uint8_t memory[112];
} __attribute__((packed));

static struct { uint8_t bytes[512]; } __attribute__((aligned(16))) image, after;
static uint8_t operand[128] __attribute__((aligned(16)));

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static void put16(uint8_t *p, uint16_t v) { p[0] = (uint8_t)v; p[1] = (uint8_t)(v >> 8); }

int main(void) {
  uint8_t *code = mmap(0, 8 * 256 * 8, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) return 2;
  for (int op = 0; op < 8; op++)
    for (int modrm = 0; modrm < 256; modrm++) {
      uint8_t *at = code + (op * 256 + modrm) * 8;
      at[0] = 0x66, at[1] = (uint8_t)(0xd8 + op), at[2] = (uint8_t)modrm, at[3] = 0xc3;
    }
  uint8_t clean[512] __attribute__((aligned(16)));
  __asm__ volatile("fninit; fxsave %0" : "=m"(clean));
  static struct record batch[256];
  size_t count;
  while ((count = fread(batch, sizeof(struct record), 256, stdin)) > 0) {
    for (size_t n = 0; n < count; n++) {
      struct record *r = &batch[n];
      memcpy(image.bytes, clean, 512);
      put16(image.bytes, r->control);
      put16(image.bytes + 2, r->status);
      image.bytes[4] = r->tag;
      for (int i = 0; i < 8; i++) memcpy(image.bytes + 32 + 16 * i, r->registers[i], 10);
      memcpy(operand, r->memory, 112);
      void *entry = code + ((r->opcode - 0xd8) * 256 + r->modrm) * 8 + (r->prefix ? 0 : 1);
      unsigned long flags = r->eflags | 2;
      /* The memory operand, if any, is at [edx] or [rdx]. */
      __asm__ volatile("fxrstor %[image]\n\tpush %[flags]\n\tpopf\n\tcall *%[entry]\n\tpushf\n\tpop %[flags]\n\t"
                       "fxsave %[after]\n\tfnclex\n\tfninit"
                       : [flags] "+b"(flags), [after] "=m"(after), "+m"(operand)
                       : [image] "m"(image), [entry] "c"(entry), "d"(operand)
                       : "eax", "cc");
      r->control = get16(after.bytes);
      r->status = get16(after.bytes + 2);
      r->tag = after.bytes[4];
      r->eflags = (uint8_t)(flags & 0xd5);
      for (int i = 0; i < 8; i++) memcpy(r->registers[i], after.bytes + 32 + 16 * i, 10);
      memcpy(r->memory, operand, 112);
    }
    fwrite(batch, sizeof(struct record), count, stdout);
  }
  return 0;
}
