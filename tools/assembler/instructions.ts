/**
 * The instruction set as the assembler knows it: 8086 to Pentium integer instructions and the x87.
 *
 * One row a line: mnemonic, operands, encoding. Rows are tried in order, the first that fits is taken, so
 * shorter forms come first (the order is that of Debian's NASM, whose output ours equals).
 *
 * Operands: r register, e register or memory, m memory, i immediate, each with a width in bits or `v` (a row
 * with v stands for two rows, 16 and 32 bits); is = an immediate that fits a sign-extended byte; o = a plain
 * memory offset; j8, jv = jump targets near the instruction; pv = segment:offset; m:f = memory holding a far
 * pointer; sr, cr, dr, st = any segment, control, debug, x87 register; everything else is a register by name
 * or the number 1.
 *
 * Encoding: opcode bytes in hexadecimal, `+r` adds a register's number to the byte before it; /r and /0../7 a
 * ModRM byte; ib, iw, id, iv, is the next immediate; rb, rv a relative jump; ov, pv an offset, a far pointer;
 * o16, o32, a16, a32 force an operand or address size, `near` lets memory without a size have the default one,
 * wait puts an FWAIT before everything else.
 * @see Intel SDM volume 2, "Instruction format" and the instructions' pages
 */
const TABLE = `
mov m,sr 8c /r
mov r16,sr o16 8c /r
mov r32,sr o32 8c /r
mov sr,m 8e /r
mov sr,r16 8e /r
mov sr,r32 8e /r
mov al,o8 a0 ov
mov av,ov a1 ov
mov o8,al a2 ov
mov ov,av a3 ov
mov r32,cr 0f 20 /r
mov cr,r32 0f 22 /r
mov r32,dr 0f 21 /r
mov dr,r32 0f 23 /r
mov e8,r8 88 /r
mov ev,rv 89 /r
mov r8,e8 8a /r
mov rv,ev 8b /r
mov r8,i8 b0 +r ib
mov rv,iv b8 +r iv
mov e8,i8 c6 /0 ib
mov ev,iv c7 /0 iv
movzx r16,e8 o16 0f b6 /r
movzx r32,e8 o32 0f b6 /r
movzx r32,e16 o32 0f b7 /r
movsx r16,e8 o16 0f be /r
movsx r32,e8 o32 0f be /r
movsx r32,e16 o32 0f bf /r
lea rv,m 8d /r
lds rv,m c5 /r
les rv,m c4 /r
lss rv,m 0f b2 /r
lfs rv,m 0f b4 /r
lgs rv,m 0f b5 /r
xchg av,rv 90 +r
xchg rv,av 90 +r
xchg r8,e8 86 /r
xchg rv,ev 87 /r
xchg m8,r8 86 /r
xchg mv,rv 87 /r
push rv 50 +r
push es 06
push cs 0e
push ss 16
push ds 1e
push fs 0f a0
push gs 0f a8
push is 6a is
push iv 68 iv
push ev ff /6
pop rv 58 +r
pop es 07
pop ss 17
pop ds 1f
pop fs 0f a1
pop gs 0f a9
pop ev 8f /0
test e8,r8 84 /r
test ev,rv 85 /r
test r8,m8 84 /r
test rv,mv 85 /r
test al,i8 a8 ib
test av,iv a9 iv
test e8,i8 f6 /0 ib
test ev,iv f7 /0 iv
inc rv 40 +r
inc e8 fe /0
inc ev ff /0
dec rv 48 +r
dec e8 fe /1
dec ev ff /1
not e8 f6 /2
not ev f7 /2
neg e8 f6 /3
neg ev f7 /3
mul e8 f6 /4
mul ev f7 /4
imul e8 f6 /5
imul ev f7 /5
imul rv,ev 0f af /r
imul rv,ev,is 6b /r is
imul rv,ev,iv 69 /r iv
imul rv,is 6b /r is
imul rv,iv 69 /r iv
div e8 f6 /6
div ev f7 /6
idiv e8 f6 /7
idiv ev f7 /7
shld ev,rv,i8 0f a4 /r ib
shld ev,rv,cl 0f a5 /r
shrd ev,rv,i8 0f ac /r ib
shrd ev,rv,cl 0f ad /r
bsf rv,ev 0f bc /r
bsr rv,ev 0f bd /r
bound rv,m 62 /r
arpl e16,r16 63 /r
enter i16,i8 c8 iw ib
leave - c9
in al,i8 e4 ib
in ax,i8 o16 e5 ib
in eax,i8 o32 e5 ib
in al,dx ec
in ax,dx o16 ed
in eax,dx o32 ed
out i8,al e6 ib
out i8,ax o16 e7 ib
out i8,eax o32 e7 ib
out dx,al ee
out dx,ax o16 ef
out dx,eax o32 ef
jmp j8 eb rb
jmp jv e9 rv
jmp pv ea pv
jmp m:f ff /5
jmp ev near ff /4
call jv e8 rv
call pv 9a pv
call m:f ff /3
call ev near ff /2
ret - c3
ret i16 c2 iw
retn - c3
retn i16 c2 iw
retf - cb
retf i16 ca iw
iret - cf
iretw - o16 cf
iretd - o32 cf
int i8 cd ib
int3 - cc
into - ce
int1 - f1
icebp - f1
jcxz j8 a16 e3 rb
jecxz j8 a32 e3 rb
nop - 90
hlt - f4
cmc - f5
clc - f8
stc - f9
cli - fa
sti - fb
cld - fc
std - fd
lahf - 9f
sahf - 9e
salc - d6
cbw - o16 98
cwde - o32 98
cwd - o16 99
cdq - o32 99
xlat - d7
xlatb - d7
daa - 27
das - 2f
aaa - 37
aas - 3f
aam - d4 0a
aam i8 d4 ib
aad - d5 0a
aad i8 d5 ib
pusha - 60
pushaw - o16 60
pushad - o32 60
popa - 61
popaw - o16 61
popad - o32 61
pushf - 9c
pushfw - o16 9c
pushfd - o32 9c
popf - 9d
popfw - o16 9d
popfd - o32 9d
sldt m 0f 00 /0
sldt r16 o16 0f 00 /0
sldt r32 o32 0f 00 /0
str m 0f 00 /1
str r16 o16 0f 00 /1
str r32 o32 0f 00 /1
lldt e16 0f 00 /2
ltr e16 0f 00 /3
verr e16 0f 00 /4
verw e16 0f 00 /5
sgdt m 0f 01 /0
sidt m 0f 01 /1
lgdt m 0f 01 /2
lidt m 0f 01 /3
smsw m 0f 01 /4
smsw r16 o16 0f 01 /4
smsw r32 o32 0f 01 /4
lmsw e16 0f 01 /6
invlpg m 0f 01 /7
lar rv,m 0f 02 /r
lar rv,r16 0f 02 /r
lar rv,r32 0f 02 /r
lsl rv,m 0f 03 /r
lsl rv,r16 0f 03 /r
lsl rv,r32 0f 03 /r
clts - 0f 06
invd - 0f 08
wbinvd - 0f 09
ud2 - 0f 0b
wrmsr - 0f 30
rdtsc - 0f 31
rdmsr - 0f 32
rdpmc - 0f 33
sysenter - 0f 34
sysexit - 0f 35
cpuid - 0f a2
rsm - 0f aa
emms - 0f 77
cmpxchg e8,r8 0f b0 /r
cmpxchg ev,rv 0f b1 /r
xadd e8,r8 0f c0 /r
xadd ev,rv 0f c1 /r
cmpxchg8b m 0f c7 /1
bswap r32 o32 0f c8 +r
fxsave m 0f ae /0
fxrstor m 0f ae /1
ldmxcsr m 0f ae /2
stmxcsr m 0f ae /3
fld m32 d9 /0
fld m64 dd /0
fld m80 db /5
fld st d9 c0 +r
fst m32 d9 /2
fst m64 dd /2
fst st dd d0 +r
fstp m32 d9 /3
fstp m64 dd /3
fstp m80 db /7
fstp st dd d8 +r
fild m16 df /0
fild m32 db /0
fild m64 df /5
fist m16 df /2
fist m32 db /2
fistp m16 df /3
fistp m32 db /3
fistp m64 df /7
fbld m df /4
fbstp m df /6
fxch - d9 c9
fxch st d9 c8 +r
fxch st0,st d9 c8 +r
fxch st,st0 d9 c8 +r
fcom m32 d8 /2
fcom m64 dc /2
fcom - d8 d1
fcom st d8 d0 +r
fcomp m32 d8 /3
fcomp m64 dc /3
fcomp - d8 d9
fcomp st d8 d8 +r
fcompp - de d9
ficom m16 de /2
ficom m32 da /2
ficomp m16 de /3
ficomp m32 da /3
fucom - dd e1
fucom st dd e0 +r
fucomp - dd e9
fucomp st dd e8 +r
fucompp - da e9
fcomi st db f0 +r
fcomip st df f0 +r
fucomi st db e8 +r
fucomip st df e8 +r
ftst - d9 e4
fxam - d9 e5
fchs - d9 e0
fabs - d9 e1
fld1 - d9 e8
fldl2t - d9 e9
fldl2e - d9 ea
fldpi - d9 eb
fldlg2 - d9 ec
fldln2 - d9 ed
fldz - d9 ee
f2xm1 - d9 f0
fyl2x - d9 f1
fptan - d9 f2
fpatan - d9 f3
fxtract - d9 f4
fprem1 - d9 f5
fdecstp - d9 f6
fincstp - d9 f7
fprem - d9 f8
fyl2xp1 - d9 f9
fsqrt - d9 fa
fsincos - d9 fb
frndint - d9 fc
fscale - d9 fd
fsin - d9 fe
fcos - d9 ff
fnop - d9 d0
fwait - 9b
wait - 9b
ffree st dd c0 +r
fninit - db e3
finit - wait db e3
fnclex - db e2
fclex - wait db e2
fldcw m d9 /5
fnstcw m d9 /7
fstcw m wait d9 /7
fldenv m d9 /4
fnstenv m d9 /6
fstenv m wait d9 /6
fnsave m dd /6
fsave m wait dd /6
frstor m dd /4
fnstsw m dd /7
fnstsw ax df e0
fstsw m wait dd /7
fstsw ax wait df e0
`

/** Operations that differ only in a number of their opcode. */
function families(): string {
  const hex = (value: number): string => value.toString(16).padStart(2, '0')
  const rows: string[] = []
  'add or adc sbb and sub xor cmp'.split(' ').forEach((name, n) => {
    const base = n * 8
    rows.push(
      `${name} e8,r8 ${hex(base)} /r`,
      `${name} ev,rv ${hex(base + 1)} /r`,
      `${name} r8,e8 ${hex(base + 2)} /r`,
      `${name} rv,ev ${hex(base + 3)} /r`,
      `${name} al,i8 ${hex(base + 4)} ib`,
      `${name} ev,is 83 /${n} is`,
      `${name} av,iv ${hex(base + 5)} iv`,
      `${name} e8,i8 80 /${n} ib`,
      `${name} ev,iv 81 /${n} iv`,
    )
  })
  'rol ror rcl rcr shl shr sal sar'.split(' ').forEach((name, index) => {
    const n = name === 'sal' ? 4 : index
    for (const [operand, width] of [
      ['e8', 0],
      ['ev', 1],
    ] as const) {
      rows.push(
        `${name} ${operand},1 ${hex(0xd0 + width)} /${n}`,
        `${name} ${operand},cl ${hex(0xd2 + width)} /${n}`,
        `${name} ${operand},i8 ${hex(0xc0 + width)} /${n} ib`,
      )
    }
  })
  'bt bts btr btc'.split(' ').forEach((name, n) => {
    rows.push(`${name} ev,rv 0f ${hex(0xa3 + 8 * n)} /r`, `${name} ev,i8 0f ba /${4 + n} ib`)
  })
  const conditions = 'o no b,c,nae nb,ae,nc z,e nz,ne be,na a,nbe s ns p,pe np,po l,nge ge,nl le,ng g,nle'
  conditions.split(' ').forEach((names, n) => {
    for (const name of names.split(',')) {
      rows.push(`j${name} j8 ${hex(0x70 + n)} rb`, `j${name} jv 0f ${hex(0x80 + n)} rv`)
      rows.push(`set${name} e8 0f ${hex(0x90 + n)} /0`, `cmov${name} rv,ev 0f ${hex(0x40 + n)} /r`)
    }
  })
  const loops = [
    ['loopne', 0xe0],
    ['loopnz', 0xe0],
    ['loope', 0xe1],
    ['loopz', 0xe1],
    ['loop', 0xe2],
  ] as const
  for (const [name, opcode] of loops) {
    rows.push(`${name} j8 ${hex(opcode)} rb`)
    rows.push(`${name} j8,cx a16 ${hex(opcode)} rb`, `${name} j8,ecx a32 ${hex(opcode)} rb`)
  }
  for (const [name, opcode] of [
    ['movs', 0xa4],
    ['cmps', 0xa6],
    ['stos', 0xaa],
    ['lods', 0xac],
    ['scas', 0xae],
    ['ins', 0x6c],
    ['outs', 0x6e],
  ] as const) {
    rows.push(`${name}b - ${hex(opcode)}`)
    rows.push(`${name}w - o16 ${hex(opcode + 1)}`, `${name}d - o32 ${hex(opcode + 1)}`)
  }
  // The register forms of subtraction and division have their two opcodes exchanged when ST(i) is the target.
  for (const [name, n, reversed] of [
    ['add', 0, 0],
    ['mul', 1, 1],
    ['sub', 4, 5],
    ['subr', 5, 4],
    ['div', 6, 7],
    ['divr', 7, 6],
  ] as const) {
    const forward = hex(0xc0 + 8 * n)
    const backward = hex(0xc0 + 8 * reversed)
    rows.push(`f${name} m32 d8 /${n}`, `f${name} m64 dc /${n}`)
    rows.push(`f${name} st d8 ${forward} +r`, `f${name} st0,st d8 ${forward} +r`)
    rows.push(`f${name} st,st0 dc ${backward} +r`)
    rows.push(`f${name}p - de ${hex(0xc1 + 8 * reversed)}`)
    rows.push(`f${name}p st de ${backward} +r`, `f${name}p st,st0 de ${backward} +r`)
    rows.push(`fi${name} m16 de /${n}`, `fi${name} m32 da /${n}`)
  }
  'fcmovb fcmove fcmovbe fcmovu'.split(' ').forEach((name, n) => {
    const opcode = hex(0xc0 + 8 * n)
    rows.push(`${name} st0,st da ${opcode} +r`, `${name.replace('cmov', 'cmovn')} st0,st db ${opcode} +r`)
  })
  return rows.join('\n')
}

/** One way of encoding one instruction. */
export interface Row {
  operands: readonly string[]
  encoding: readonly string[]
  /** Operand size that the row needs; null when it has none. */
  size: 16 | 32 | null
  /** True when only that size tells this row from its twin (push 5, jmp near x): then the default decides. */
  sizeless: boolean
}

const widen = (part: string, size: 16 | 32): string => {
  if (part === 'av') return size === 16 ? 'ax' : 'eax'
  if (/^[remioj]v$/.test(part) || part === 'pv') return part.charAt(0) + String(size)
  if (part === 'is') return `is${size}`
  return part
}

function parseRow(line: string): [string, Row[]] {
  const [mnemonic = '', operandText = '-', ...encoding] = line.split(' ')
  const operands = operandText === '-' ? [] : operandText.split(',')
  const fixed = encoding.includes('o16') ? 16 : encoding.includes('o32') ? 32 : null
  const sized = operands.some((operand) => /^(?:[reomijpa]v|is)$/.test(operand))
  if (!sized) return [mnemonic, [{ operands, encoding, size: fixed, sizeless: false }]]
  const sizeless = !operands.some((operand) => /^[rea]v$/.test(operand)) || encoding.includes('near')
  return [
    mnemonic,
    ([16, 32] as const).map((size) => ({
      operands: operands.map((operand) => widen(operand, size)),
      encoding: encoding.map((part) => (part === 'iv' ? `i${size === 16 ? 'w' : 'd'}` : part)),
      size,
      sizeless,
    })),
  ]
}

function parseTable(text: string): ReadonlyMap<string, readonly Row[]> {
  const table = new Map<string, Row[]>()
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [mnemonic, rows] = parseRow(line)
    table.set(mnemonic, [...(table.get(mnemonic) ?? []), ...rows])
  }
  return table
}

/** Rows by mnemonic, in the order in which they are tried. */
export const INSTRUCTIONS: ReadonlyMap<string, readonly Row[]> = parseTable(TABLE + families())
