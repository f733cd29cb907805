// The version of Longshore.

/// What `longshore --version`, longshore_build_info and the status say.
package let longshoreVersion = "0.1.0"
