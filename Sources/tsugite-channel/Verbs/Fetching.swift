import Channel
import ChannelHTTP
import Glibc

/// What brings bytes from an address: the network, or a folder.
func fetcher(
    for address: String, _ settings: HTTPSettings = HTTPSettings()
) throws(ChannelError) -> any Fetcher & Sendable {
    if address.hasPrefix("http://") || address.hasPrefix("https://") { return try HTTPFetcher(settings) }
    guard AddressWords.isAddress(address) else {
        throw ChannelError(
            .file, address, AddressWords.allowed,
            remedy: "Correct the address where this channel or mirror is named.")
    }
    return FileFetcher()
}

/// Sleeps a random time of up to that many minutes.
func waitAtRandom(minutes: Int) {
    guard minutes > 0 else { return }
    sleep(UInt32.random(in: 0...UInt32(clamping: minutes * 60)))
}
