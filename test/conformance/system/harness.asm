; Runs cases in every mode of the processor, one after the other, and reports what each has left behind.
;
; A case is memory that is copied into the arena (80 KiB from C000h on), patches to it, and the registers to
; start with. It ends in an exception, whose handler lies here. The report goes to port E9h: LOG_DWORDS words,
; then, when `verbose` is set, the whole arena. A reset of the processor in the middle of a case is one of
; the ways in which it can end.

CONTROL     equ 0x500           ; next case, then its state; survives a reset
STATE       equ CONTROL + 4     ; 0 before the first case, 1 while one runs
FINISHED    equ CONTROL + 8     ; address of the next case
A20_LOW     equ 0x700
A20_HIGH    equ 0x100700
ARENA       equ 0xc000
ARENA_BYTES equ 0x14000
PAGES       equ ARENA_BYTES / 4096
PRISTINE    equ 0x200000
CASES       equ 0x220000
LOG_DWORDS  equ 58
TASK_MAIN   equ 0x11000
TASK_WIDE   equ 0x11200
TASK_NARROW equ 0x11400

org 0x1000
bits 16
entry:
  cli
  mov ax, 0
  mov ds, ax
  mov ss, ax
  mov sp, 0x1000
  mov al, 0xff
  out 0x21, al
  out 0xa1, al
  lgdt [own_gdt_pointer]
  mov eax, cr0
  or al, 1
  mov cr0, eax
  jmp dword 0x08:start

; Real-mode exceptions.
real_stubs:
%include "real-stubs"
common_real:
  pushad
  mov eax, ds
  push eax
  mov eax, es
  push eax
  mov eax, fs
  push eax
  mov eax, gs
  push eax
  mov eax, ss
  push eax
  pushfd
  mov ax, 0
  mov ds, ax
  pop dword [log_eflags]
  pop dword [log_ss]
  pop dword [log_gs]
  pop dword [log_fs]
  pop dword [log_es]
  pop dword [log_ds]
  pop dword [log_edi]
  pop dword [log_esi]
  pop dword [log_ebp]
  pop dword [log_esp]
  pop dword [log_ebx]
  pop dword [log_edx]
  pop dword [log_ecx]
  pop dword [log_eax]
  pop dword [log_vector]
  mov [log_frame], esp
  mov dword [log_eip], 0
  mov dword [log_cs], 0
  o32 sgdt [log_gdt + 2]
  o32 sidt [log_idt + 2]
  mov eax, cr0
  mov [log_cr0], eax
  mov dword [log_tr], 0
  mov dword [log_ldt], 0
  lgdt [own_gdt_pointer]
  or al, 1
  mov cr0, eax
  jmp dword 0x08:after_real

; 16-bit gates of protected mode.
narrow_stubs:
%include "narrow-stubs"

; From the harness to real mode.
to_real:
  mov ax, 0x20
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov ss, ax
  mov eax, [case_cr0]
  and al, 0xfe
  mov cr0, eax
  jmp 0:.flushed
.flushed:
  mov ax, 0
  mov ds, ax
  o32 lidt [case_idt + 2]
  mov es, [case_es]
  mov fs, [case_fs]
  mov gs, [case_gs]
  mov ss, [case_ss]
  mov esp, [case_esp]
  push dword [case_eflags]
  push dword [case_cs]
  push dword [case_eip]
  mov eax, [case_eax]
  mov ecx, [case_ecx]
  mov edx, [case_edx]
  mov ebx, [case_ebx]
  mov ebp, [case_ebp]
  mov esi, [case_esi]
  mov edi, [case_edi]
  mov ds, [case_ds]
  iretd

bits 32
wide_stubs:
%include "wide-stubs"
task_entry:
  cmp eax, eax
  push dword 0x40
  jmp common
double_fault_entry:
  cmp eax, eax
  push dword 0x48
common:
  pushad
  mov eax, ds
  push eax
  mov eax, es
  push eax
  mov eax, fs
  push eax
  mov eax, gs
  push eax
  mov eax, ss
  push eax
  pushfd
  mov ax, 0x10
  mov ds, ax
  pop dword [log_eflags]
  pop dword [log_ss]
  pop dword [log_gs]
  pop dword [log_fs]
  pop dword [log_es]
  pop dword [log_ds]
  pop dword [log_edi]
  pop dword [log_esi]
  pop dword [log_ebp]
  pop dword [log_esp]
  pop dword [log_ebx]
  pop dword [log_edx]
  pop dword [log_ecx]
  pop dword [log_eax]
  pop dword [log_vector]
  mov [log_frame], esp
  str eax
  mov [log_tr], eax
  mov dword [log_eip], 0
  mov dword [log_cs], 0
  call forget_resume
  sgdt [log_gdt + 2]
  sidt [log_idt + 2]
  str eax
  mov [log_tr], eax
  sldt eax
  mov [log_ldt], eax
  mov eax, cr0
  mov [log_cr0], eax
  jmp after_real

; RF in the images that exceptions have stored, which QEMU does not set for faults, and of tasks that were left
; the flags, which it has lost, and the EIP of those that a fault may have met at their start.
forget_resume:
  mov dword [TASK_MAIN + 36], 0
  mov dword [TASK_WIDE + 36], 0
  mov dword [TASK_WIDE + 32], 0
  mov dword [TASK_NARROW + 14], 0
  cmp dword [log_vector], 0x40
  jae .done
  lea ebx, [esp + 4]
  lar eax, [log_ss]
  test eax, 0x400000
  jnz .wide
  movzx ebx, bx
.wide:
  mov ecx, [log_vector]
  mov eax, 0x27d00
  bt eax, ecx
  jnc .flags
  add ebx, 4
.flags:
  and byte [ss:ebx + 10], 0xfe
  mov eax, [ss:ebx]
  mov [log_eip], eax
  mov eax, [ss:ebx + 4]
  mov [log_cs], eax
.done:
  ret

after_real:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov esp, 0x1000
  mov eax, cr2
  mov [log_cr2], eax
  mov eax, cr3
  mov [log_cr3], eax
  mov eax, cr4
  mov [log_cr4], eax
  mov eax, dr0
  mov [log_dr], eax
  mov eax, dr1
  mov [log_dr + 4], eax
  mov eax, dr2
  mov [log_dr + 8], eax
  mov eax, dr3
  mov [log_dr + 12], eax
  mov eax, dr6
  mov [log_dr + 16], eax
  mov eax, dr7
  mov [log_dr + 20], eax
  mov eax, 0
  mov dr7, eax
  mov eax, 0x11
  mov cr0, eax
  mov al, 2
  out 0x92, al
send:
  cld
  mov eax, [A20_LOW]
  mov [log_a20], eax
  mov eax, [A20_HIGH]
  mov [log_a20 + 4], eax
  mov esi, ARENA
  mov edi, log_pages
  mov edx, PAGES
.page:
  mov ecx, 1024
  mov ebx, 0
.word:
  mov eax, [esi]
  add esi, 4
  rol ebx, 5
  add ebx, eax
  dec ecx
  jnz .word
  mov [edi], ebx
  add edi, 4
  dec edx
  jnz .page
  mov esi, log
  mov ecx, LOG_DWORDS * 4
  mov edx, 0xe9
  rep outsb
  cmp dword [verbose], 0
  je next
  mov esi, ARENA
  mov ecx, ARENA_BYTES
  rep outsb
  jmp next

start:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov esp, 0x1000
  mov al, 2
  out 0x92, al
  cmp dword [STATE], 0
  je .first
  mov edi, log
  mov ecx, LOG_DWORDS
  mov eax, 0
  cld
  rep stosd
  mov eax, [CONTROL]
  mov [log], eax
  mov dword [log_vector], 0xff
  jmp send
.first:
  mov dword [STATE], 1
  mov dword [CONTROL], 0
  mov dword [FINISHED], CASES
  ; Where nothing belongs, breakpoints: code that has lost its way ends there.
  cld
  mov eax, 0xcccccccc
  mov edi, 0
  mov ecx, CONTROL / 4
  rep stosd
  mov edi, 0x510
  mov ecx, (0x1000 - 0x510) / 4
  rep stosd
  mov edi, 0x4000
  mov ecx, (ARENA - 0x4000) / 4
  rep stosd
  mov edi, 0x100000
  mov ecx, 0x4000
  rep stosd
  mov edi, ARENA + ARENA_BYTES
  mov ecx, (0xa0000 - ARENA - ARENA_BYTES) / 4
  rep stosd
next:
  cli
  cld
  lgdt [own_gdt_pointer]
  jmp dword 0x08:.own
.own:
  mov ax, 0x10
  mov ds, ax
  mov es, ax
  mov fs, ax
  mov gs, ax
  mov ss, ax
  mov esp, 0x1000
  push dword 2
  popfd
  mov eax, 0
  lldt ax
  mov cr4, eax
  mov cr2, eax
  mov cr3, eax
  mov dr7, eax
  mov dr6, eax
  fninit
  mov esi, [FINISHED]
  mov eax, [esi]
  cmp eax, 0
  je finished
  mov ecx, eax
  add eax, esi
  mov [FINISHED], eax
  inc dword [CONTROL]
  mov eax, [CONTROL]
  mov [log], eax
  mov dword [A20_LOW], 0x11112222
  mov dword [A20_HIGH], 0x33334444
  mov ebx, esi
  mov esi, PRISTINE
  mov edi, ARENA
  mov ecx, ARENA_BYTES / 4
  rep movsd
  lea esi, [ebx + 4]
  mov edi, case
  mov ecx, CASE_DWORDS
  rep movsd
  mov ecx, [esi]
  add esi, 4
.patch:
  cmp ecx, 0
  je .patched
  mov edi, [esi]
  mov eax, [esi + 4]
  mov [edi], eax
  add esi, 8
  dec ecx
  jmp .patch
.patched:
  mov ecx, 0x174
  mov eax, 0x08
  mov edx, 0
  wrmsr
  inc ecx
  mov eax, 0x14f00
  wrmsr
  inc ecx
  mov eax, 0x17940
  wrmsr
  mov eax, [case_cr4]
  mov cr4, eax
  mov eax, [case_cr3]
  mov cr3, eax
  mov eax, [case_dr]
  mov dr0, eax
  mov eax, [case_dr + 4]
  mov dr1, eax
  mov eax, [case_dr + 8]
  mov dr2, eax
  mov eax, [case_dr + 12]
  mov dr3, eax
  cmp dword [case_real], 0
  je .protected
  jmp dword 0x18:to_real
.protected:
  lgdt [case_gdt + 2]
  lidt [case_idt + 2]
  mov ax, [case_ldt]
  lldt ax
  mov ax, [case_tr]
  ltr ax
  mov eax, [case_cr0]
  mov cr0, eax
  jmp .paged
.paged:
  test dword [case_eflags], 0x20000
  jz .segments
  push dword [case_gs]
  push dword [case_fs]
  push dword [case_ds]
  push dword [case_es]
  jmp .outer
.segments:
  mov es, [case_es]
  mov fs, [case_fs]
  mov gs, [case_gs]
  test dword [case_cs], 3
  jz .inner
.outer:
  push dword [case_ss]
  push dword [case_esp]
  jmp .frame
.inner:
  mov ss, [case_ss]
  mov esp, [case_esp]
.frame:
  push dword [case_eflags]
  push dword [case_cs]
  push dword [case_eip]
  mov eax, [case_dr + 16]
  mov dr7, eax
  mov eax, [case_eax]
  mov ecx, [case_ecx]
  mov edx, [case_edx]
  mov ebx, [case_ebx]
  mov ebp, [case_ebp]
  mov esi, [case_esi]
  mov edi, [case_edi]
  test dword [case_eflags], 0x20000
  jnz .go
  mov ds, [case_ds]
.go:
  iretd

finished:
  mov al, 0
  out 0xf4, al
  cli
  hlt
  jmp finished

align 8
own_gdt:
  dq 0
  dq 0x00cf9b000000ffff
  dq 0x00cf93000000ffff
  dq 0x00009b000000ffff
  dq 0x000093000000ffff
own_gdt_pointer:
  dw 39
  dd own_gdt
align 4
verbose: dd 0
log: dd 0
log_vector: dd 0
log_edi: dd 0
log_esi: dd 0
log_ebp: dd 0
log_esp: dd 0
log_ebx: dd 0
log_edx: dd 0
log_ecx: dd 0
log_eax: dd 0
log_ss: dd 0
log_gs: dd 0
log_fs: dd 0
log_es: dd 0
log_ds: dd 0
log_eflags: dd 0
log_frame: dd 0
log_cr0: dd 0
log_cr2: dd 0
log_cr3: dd 0
log_cr4: dd 0
log_dr: times 6 dd 0
log_tr: dd 0
log_ldt: dd 0
log_gdt: dd 0, 0
log_idt: dd 0, 0
log_a20: dd 0, 0
log_pages: times PAGES dd 0
log_eip: dd 0
log_cs: dd 0
  dd 0

case:
case_real: dd 0
case_cr0: dd 0
case_cr3: dd 0
case_cr4: dd 0
case_dr: times 5 dd 0
case_gdt: dd 0, 0
case_idt: dd 0, 0
case_ldt: dd 0
case_tr: dd 0
case_eax: dd 0
case_ecx: dd 0
case_edx: dd 0
case_ebx: dd 0
case_esp: dd 0
case_ebp: dd 0
case_esi: dd 0
case_edi: dd 0
case_eip: dd 0
case_eflags: dd 0
case_es: dd 0
case_cs: dd 0
case_ss: dd 0
case_ds: dd 0
case_fs: dd 0
case_gs: dd 0
case_end:
CASE_DWORDS equ (case_end - case) / 4
