export * from './arithmetic'
export * from './compare'
export * from './transfer'
export { fprem, fprem1, frndint, fscale, fxtract } from './partial'
export { emms, fldcw, fnclex, fninit, mmxEnter, pending, setTagWord, tagWord } from './control'
export {
  environmentImage,
  fldenv,
  fnsave,
  fnstenv,
  frstor,
  fxrstor,
  fxsave,
  maskExceptions,
  stateImage,
} from './images'
export { fcos, fptan, fsin, fsincos } from './trigonometry'
export { fpatan } from './arctangent'
export { f2xm1, fyl2x, fyl2xp1 } from './logarithm'
export {
  addpd,
  addps,
  addsd,
  addss,
  divpd,
  divps,
  divsd,
  divss,
  maxpd,
  maxps,
  maxsd,
  maxss,
  minpd,
  minps,
  minsd,
  minss,
  mulpd,
  mulps,
  mulsd,
  mulss,
  sqrtpd,
  sqrtps,
  sqrtsd,
  sqrtss,
  subpd,
  subps,
  subsd,
  subss,
} from './sse-arithmetic'
export * from './sse-compare'
export * from './sse-convert'
export * from './shuffle'
export * from './values'
