/*
 * Runs instruction streams on the host's own processor in 32-bit user mode.
 *
 * Free of any library, linked at an address of its own, so that nothing but the areas of user-layout.ts and
 * this program exists in the address space. The signal handler is the main loop: it reports the state that
 * an exception left behind, puts the next case into the signal frame and returns into it.
 *
 * Input:  u32 number of LDT entries, as many struct user_desc, then cases.
 * Output: one u32, 1 when all areas could be mapped, then results.
 */
typedef unsigned int u32;
typedef unsigned char u8;

#define CODE_BYTES 256

struct test_case { u32 registers[8], eflags, eip, selectors[6], at, length; u8 code[CODE_BYTES]; };
struct result { u32 registers[8], eflags, eip, selectors[6], vector, error, cr2, hash; };
struct area { u32 start, end, writable; };

static const struct area areas[] = {
  { 0x3000, 0x7000, 1 }, { 0x8000, 0x9000, 0 }, { 0xa000, 0xc000, 1 }, { 0x20000, 0x22000, 1 },
};

/* Order of a signal frame's context, from its start. */
enum { GS, FS, ES, DS, EDI, ESI, EBP, ESP, EBX, EDX, ECX, EAX, TRAP, ERROR, EIP, CS, FLAGS, ESP_AT_SIGNAL, SS, FPSTATE, OLDMASK, CR2 };
static const u8 register_order[8] = { EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI };
static const u8 selector_order[6] = { ES, CS, SS, DS, FS, GS };

static u8 signal_stack[65536] __attribute__((aligned(64)));
static u8 input[1 << 16], output[1 << 16];
static u32 input_at, input_end, output_at, started;
static u8 data_template[0x4000];

static long call(long number, long a, long b, long c, long d, long e) {
  long result;
  asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
  return result;
}

static void leave(int status) { for (;;) call(1, status, 0, 0, 0, 0); }

static void flush(void) {
  for (u32 done = 0; done < output_at;) {
    long n = call(4, 1, (long)(output + done), output_at - done, 0, 0);
    if (n <= 0) leave(3);
    done += n;
  }
  output_at = 0;
}

static int get(void *to, u32 bytes) {
  u8 *p = to;
  while (bytes--) {
    if (input_at == input_end) {
      long n = call(3, 0, (long)input, sizeof input, 0, 0);
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
  for (u32 at = start; at < end; at += 4) hash = hash * 31 + *(volatile u32 *)at;
  return hash;
}

static void prepare(u32 *context) {
  struct test_case c;
  if (!get(&c, sizeof c)) {
    flush();
    leave(0);
  }
  for (int i = 0; i < 0x4000; i += 4) *(volatile u32 *)(0x3000 + i) = *(u32 *)(data_template + i);
  for (int i = 0; i < 0x2000; i += 4) *(volatile u32 *)(0x20000 + i) = *(u32 *)(data_template + i);
  for (int i = 0; i < 0x2000; i += 4) *(volatile u32 *)(0xa000 + i) = 0xcccccccc;
  for (u32 i = 0; i < c.length; i++)
    if (c.at + i < 0xc000) *(volatile u8 *)(c.at + i) = c.code[i];
  for (int i = 0; i < 8; i++) context[register_order[i]] = c.registers[i];
  for (int i = 0; i < 6; i++) context[selector_order[i]] = c.selectors[i];
  context[FLAGS] = c.eflags;
  context[EIP] = c.eip;
}

__attribute__((used)) static void on_signal(int number, void *info, u32 *frame) {
  (void)number;
  (void)info;
  /* The stream's AC is still set. */
  asm volatile("pushfl; andl $0xfffbffff, (%%esp); popfl" : : : "memory");
  u32 *context = frame + 5;
  if (started) {
    struct result r;
    for (int i = 0; i < 8; i++) r.registers[i] = context[register_order[i]];
    for (int i = 0; i < 6; i++) r.selectors[i] = context[selector_order[i]] & 0xffff;
    r.eflags = context[FLAGS];
    r.eip = context[EIP];
    r.vector = context[TRAP];
    r.error = context[ERROR];
    r.cr2 = context[CR2];
    r.hash = hash_area(hash_area(hash_area(0, 0x3000, 0x7000), 0x20000, 0x22000), 0xa000, 0xc000);
    put(&r, sizeof r);
  }
  started = 1;
  prepare(context);
}

asm(".text\nrestore: mov $173, %eax\n int $0x80\n");
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
    u32 arguments[6] = { start, length, 7, 0x32 /* private, fixed, anonymous */, -1, 0 };
    if ((u32)call(90, (long)arguments, 0, 0, 0, 0) != start) good = 0;
    else if (!areas[i].writable) {
      for (u32 k = 0; k < length; k++) ((volatile u8 *)start)[k] = data_template[k];
      call(125, start, length, 5, 0, 0);
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
    if (call(123, 0x11, (long)descriptor, 16, 0, 0) != 0) good = 0;
  }
  put(&good, 4);
  if (!good) {
    flush();
    leave(0);
  }
  u32 stack[3] = { (u32)signal_stack, 0, sizeof signal_stack };
  call(186, (long)stack, 0, 0, 0, 0);
  /* SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTORER */
  u32 action[5] = { (u32)on_signal, 4u | 0x08000000u | 0x40000000u | 0x04000000u, (u32)restore, 0, 0 };
  static const u8 signals[] = { 4, 5, 7, 8, 11 };
  for (u32 i = 0; i < sizeof signals; i++) call(174, signals[i], (long)action, 0, 8, 0);
  /* Below and above this program nothing of the process's own may answer: stack, vdso. */
  asm volatile("mov %0, %%esp" : : "r"((u32)signal_stack + 4096));
  call(91, 0x23000, 0x60000000 - 0x23000, 0, 0, 0);
  call(91, 0x60100000, 0xffffe000 - 0x60100000, 0, 0, 0);
  asm volatile("int3");
  leave(5);
}

asm(".globl _start\n_start: call begin\n");
