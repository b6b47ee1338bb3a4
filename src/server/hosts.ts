/** Names of this machine: which addresses only it can reach, and under which names. All spellings of a host are one name. */
import { lookup } from 'node:dns/promises'
import { BlockList, isIPv6 } from 'node:net'

/** One spelling for every host, with or without a port, as browsers have it: `LocalHost.:80` is `localhost`, `127.1` is `127.0.0.1`. */
export function canonicalHost(host: string): string {
  const url = `http://${isIPv6(host) ? `[${host}]` : host}`
  // Whatever a URL has besides its host is no part of a host.
  if (/[/\\?#@\s]/.test(host) || !URL.canParse(url)) return host.toLowerCase()
  return new URL(url).hostname.replace(/\.$/, '')
}

/** The names under which a server on this host is reached; undefined: any name, because others reach it too. */
export async function loopbackNames(host: string): Promise<readonly string[] | undefined> {
  // A host that nobody knows cannot be listened on either, and says so there.
  const bound = await lookup(host).catch(() => ({ address: '127.0.0.1', family: 4 }))
  if (!loopback().check(bound.address, bound.family === 6 ? 'ipv6' : 'ipv4')) return undefined
  return [...new Set(['localhost', '127.0.0.1', '[::1]', canonicalHost(host), canonicalHost(bound.address)])]
}

// ---------------------------------------------------------------------------------------------------------------

/** It knows IPv4 addresses in their IPv6 spelling, too. */
function loopback(): BlockList {
  const addresses = new BlockList()
  addresses.addSubnet('127.0.0.0', 8, 'ipv4')
  addresses.addAddress('::1', 'ipv6')
  return addresses
}
