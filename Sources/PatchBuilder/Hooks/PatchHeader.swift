import Findings
import Linux

/// The header that fixes include to declare hooks and shadow variables.
///
/// The program carries the text of the file beside this one, and writes it to a folder that is searched last, so that a
/// fix compiles on every machine, installed header or not.
enum PatchHeader {
    /// Name behind `#include`.
    static let name = "tsugite-patch.h"

    /// Puts the header into a folder; answers the folder.
    static func write(below folder: String) throws(BuildError) -> String {
        let place = folder + "/include"
        try WorkFolder.make(place)
        try WorkFolder.write(PackageResources.tsugite_patch_h, to: place + "/" + name)
        return place
    }
}
