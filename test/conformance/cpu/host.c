/*
 * Runs instruction streams on the host's own processor in user mode: built for 32 bits, 32-bit streams; built for 64 bits,
 * 64-bit ones, whose selectors are ignored and whose own bytes do not count as a result.
 *
 * Free of any library, linked at an address of its own, so that nothing but the areas of user-layout.ts and
 * this program exists in the address space. The signal handler is the main loop: it reports the state that
 * an exception left behind, puts the next case into the signal frame and returns into it.
 *
 * Input:  u32 number of LDT entries, as many struct user_desc, then cases.
 * Output: one u32, 1 when all areas could be mapped, then results.
 */
typedef unsigned int u32;
typedef unsigned long word;
typedef unsigned char u8;

#define CODE_BYTES 256

struct test_case { u32 registers[8], eflags, eip, selectors[6], at, length; u8 code[CODE_BYTES]; };
struct result { u32 registers[8], eflags, eip, selectors[6], vector, error, cr2, hash; };
struct area { u32 start, end, writable; };

static const struct area areas[] = {
  { 0x3000, 0x7000, 1 }, { 0x8000, 0x9000, 0 }, { 0xa000, 0xc000, 1 }, { 0x20000, 0x22000, 1 },
};

/* Order of a signal frame's context, from its start, and where that is: in words. */
#ifdef __x86_64__
enum { R8, R9, R10, R11, R12, R13, R14, R15, EDI, ESI, EBP, EBX, EDX, EAX, ECX, ESP, EIP, FLAGS, SELECTORS, ERROR, TRAP, OLDMASK, CR2 };
enum { CONTEXT_AT = 5 };
#else
enum { GS, FS, ES, DS, EDI, ESI, EBP, ESP, EBX, EDX, ECX, EAX, TRAP, ERROR, EIP, CS, FLAGS, ESP_AT_SIGNAL, SS, FPSTATE, OLDMASK, CR2 };
enum { CONTEXT_AT = 5 };
static const u8 selector_order[6] = { ES, CS, SS, DS, FS, GS };
#endif
static const u8 register_order[8] = { EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI };

#ifdef __x86_64__
enum { READ = 0, WRITE = 1, MAP = 9, PROTECT = 10, UNMAP = 11, ACTION = 13, STACK = 131, EXIT = 231 };
#else
enum { EXIT = 1, READ = 3, WRITE = 4, MAP = 90, UNMAP = 91, PROTECT = 125, LDT = 123, ACTION = 174, STACK = 186 };
#endif

static u8 signal_stack[65536] __attribute__((aligned(64)));
static u8 input[1 << 16], output[1 << 16];
static u32 input_at, input_end, output_at, started;
static u8 data_template[0x4000];

static long call(long number, long a, long b, long c, long d, long e) {
  long result;
#ifdef __x86_64__
  register long fourth asm("r10") = d;
  register long fifth asm("r8") = e;
  register long sixth asm("r9") = 0;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
               : "rcx", "r11", "memory");
#else
  asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
#endif
  return result;
}

static void leave(int status) { for (;;) call(EXIT, status, 0, 0, 0, 0); }

static void flush(void) {
  for (u32 done = 0; done < output_at;) {
    long n = call(WRITE, 1, (long)(output + done), output_at - done, 0, 0);
    if (n <= 0) leave(3);
    done += n;
  }
  output_at = 0;
}

static int get(void *to, u32 bytes) {
  u8 *p = to;
  while (bytes--) {
    if (input_at == input_end) {
      long n = call(READ, 0, (long)input, sizeof input, 0, 0);
      if (n <= 0) return 0;
      input_at = 0;
      input_end = n;
    }
    *p++ = input[input_at++];
  }
  return 1;
}

static void put(const void *from, u32 bytes) {
  if (output_at + bytes > sizeof output) flush();
  const u8 *p = from;
  while (bytes--) output[output_at++] = *p++;
}

static u32 hash_area(u32 hash, u32 start, u32 end) {
  for (u32 at = start; at < end; at += 4) hash = hash * 31 + *(volatile u32 *)(word)at;
  return hash;
}

static void prepare(word *context) {
  struct test_case c;
  if (!get(&c, sizeof c)) {
    flush();
    leave(0);
  }
  for (int i = 0; i < 0x4000; i += 4) *(volatile u32 *)(word)(0x3000 + i) = *(u32 *)(data_template + i);
  for (int i = 0; i < 0x2000; i += 4) *(volatile u32 *)(word)(0x20000 + i) = *(u32 *)(data_template + i);
  for (int i = 0; i < 0x2000; i += 4) *(volatile u32 *)(word)(0xa000 + i) = 0xcccccccc;
  for (u32 i = 0; i < c.length; i++)
    if (c.at + i < 0xc000) *(volatile u8 *)(word)(c.at + i) = c.code[i];
  for (int i = 0; i < 8; i++) context[register_order[i]] = c.registers[i];
#ifndef __x86_64__
  for (int i = 0; i < 6; i++) context[selector_order[i]] = c.selectors[i];
#endif
  context[FLAGS] = c.eflags;
  context[EIP] = c.eip;
}

__attribute__((used)) static void on_signal(int number, void *info, word *frame) {
  (void)number;
  (void)info;
  /* The stream's AC is still set. */
#ifdef __x86_64__
  asm volatile("pushfq; andl $0xfffbffff, (%%rsp); popfq" : : : "memory");
#else
  asm volatile("pushfl; andl $0xfffbffff, (%%esp); popfl" : : : "memory");
#endif
  word *context = frame + CONTEXT_AT;
  if (started) {
    struct result r;
    for (int i = 0; i < 8; i++) r.registers[i] = context[register_order[i]];
#ifdef __x86_64__
    for (int i = 0; i < 6; i++) r.selectors[i] = 0;
    /* Whatever works on 32 bits leaves zeros above them. */
    for (int i = 0; i < 8; i++)
      if (context[register_order[i]] >> 32) r.selectors[0] |= 1 << i;
#else
    for (int i = 0; i < 6; i++) r.selectors[i] = context[selector_order[i]] & 0xffff;
#endif
    r.eflags = context[FLAGS];
    r.eip = context[EIP];
    r.vector = context[TRAP];
    r.error = context[ERROR];
    r.cr2 = context[CR2];
    r.hash = hash_area(hash_area(0, 0x3000, 0x7000), 0x20000, 0x22000);
#ifndef __x86_64__
    r.hash = hash_area(r.hash, 0xa000, 0xc000);
#endif
    put(&r, sizeof r);
  }
  started = 1;
  prepare(context);
}

#ifdef __x86_64__
asm(".text\nrestore: mov $15, %eax\n syscall\n");
#else
asm(".text\nrestore: mov $173, %eax\n int $0x80\n");
#endif
extern char restore[];

static void fill_template(void) {
  u32 x = 1;
  for (int i = 0; i < 0x4000; i++) {
    x = x * 1664525u + 1013904223u;
    data_template[i] = x >> 24;
  }
}

static u32 map_areas(void) {
  u32 good = 1;
  for (u32 i = 0; i < sizeof areas / sizeof *areas; i++) {
    u32 start = areas[i].start, length = areas[i].end - start;
    enum { ACCESS = 7, PRIVATE_FIXED_ANONYMOUS = 0x32 };
#ifdef __x86_64__
    if ((u32)call(MAP, start, length, ACCESS, PRIVATE_FIXED_ANONYMOUS, -1) != start) good = 0;
#else
    u32 arguments[6] = { start, length, ACCESS, PRIVATE_FIXED_ANONYMOUS, -1, 0 };
    if ((u32)call(MAP, (long)arguments, 0, 0, 0, 0) != start) good = 0;
#endif
    else if (!areas[i].writable) {
      for (u32 k = 0; k < length; k++) ((volatile u8 *)(word)start)[k] = data_template[k];
      call(PROTECT, start, length, 5, 0, 0);
    }
  }
  return good;
}

__attribute__((used)) void begin(void) {
  u32 count, good;
  fill_template();
  good = map_areas();
  if (!get(&count, 4)) leave(4);
  for (; count; count--) {
    u32 descriptor[4];
    if (!get(descriptor, 16)) leave(4);
#ifndef __x86_64__
    if (call(LDT, 0x11, (long)descriptor, 16, 0, 0) != 0) good = 0;
#endif
  }
  put(&good, 4);
  if (!good) {
    flush();
    leave(0);
  }
  word stack[3] = { (word)signal_stack, 0, sizeof signal_stack };
  call(STACK, (long)stack, 0, 0, 0, 0);
  /* SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTORER */
  word action[5] = { (word)on_signal, 4u | 0x08000000u | 0x40000000u | 0x04000000u, (word)restore, 0, 0 };
  static const u8 signals[] = { 4, 5, 7, 8, 11 };
  for (u32 i = 0; i < sizeof signals; i++) call(ACTION, signals[i], (long)action, 0, 8, 0);
  /* Below and above this program nothing of the process's own may answer: stack, vdso. */
#ifdef __x86_64__
  asm volatile("mov %0, %%rsp" : : "r"((word)signal_stack + 4096));
#else
  asm volatile("mov %0, %%esp" : : "r"((word)signal_stack + 4096));
#endif
  call(UNMAP, 0x23000, 0x60000000 - 0x23000, 0, 0, 0);
  call(UNMAP, 0x60100000, 0xffffe000 - 0x60100000, 0, 0, 0);
  asm volatile("int3");
  leave(5);
}

asm(".globl _start\n_start: call begin\n");
