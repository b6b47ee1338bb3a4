export { openPeers } from './peers.ts'
export { parsePeers, peerNames, type PeerOptions } from './peer-names.ts'
