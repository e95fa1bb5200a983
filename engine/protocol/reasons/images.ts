/** Of disk images: their formats, what they build on, and how they are made. */
export const images = {
  'role-image': 'image',
  'role-backing-file': 'backing file',
  'role-extent': 'extent',
  'role-track-file': 'track file',
  'role-sector-file': 'sector file',
  'child-name-damaged': 'the name of its {role} is damaged',
  'child-address': 'its {role} {name} is no file but an address, which is never opened',
  'child-outside': 'its {role} {name} is not in its folder; confirm {path} to let it be read',
  'child-missing': 'its {role} {name} is missing: there is no {path}',
  'child-link-outside':
    'its {role} {name} is a link out of its folder to {target}; confirm {path} to let it be read',
} as const
