// What CRI runtimes answer, written field by field as their protocol numbers them.
@testable import Discovery

/// Answers of `runtime.v1.RuntimeService` and of containerd.
enum CRISamples {
    static let id = DockerSamples.id
    static let sandbox = DockerSamples.otherID

    /// `ListContainersResponse`
    static func list(_ entries: [(id: String, state: Int64)]) -> [UInt8] {
        var answer = ProtobufWriter()
        for entry in entries {
            answer.message(1) { container in
                container.text(1, entry.id)
                container.text(2, sandbox)
                container.message(3) { $0.text(1, "app") }
                container.message(4) { $0.text(1, "shop:1") }
                container.integer(6, entry.state)
                container.integer(7, 1_795_302_507_172_198_535)
                container.map(8, ["a": "b"])
            }
        }
        return answer.bytes
    }

    /// `ContainerStatusResponse`, verbose.
    static func status(_ id: String = id, state: Int64 = 1, exitCode: Int64 = 0, reason: String = "") -> [UInt8] {
        var answer = ProtobufWriter()
        answer.message(1) { status in
            status.text(1, id)
            status.message(2) { metadata in
                metadata.text(1, "app")
                metadata.integer(2, 3)
            }
            status.integer(3, state)
            status.integer(4, 1_795_302_507_172_198_535)
            if state > 0 { status.integer(5, 1_795_302_508_000_000_000) }
            if state == 2 { status.integer(6, 1_795_302_509_000_000_000) }
            status.integer(7, exitCode)
            status.message(8) { $0.text(1, "shop:1") }
            status.text(10, reason)
            status.map(12, ["io.kubernetes.pod.name": "shop-7d", "io.kubernetes.container.name": "app"])
            status.map(13, ["io.kubernetes.container.restartCount": "5"])
            for (place, source) in [("/logs/", "/srv/logs"), ("/etc/hosts", "/var/lib/kubelet/pods/u/etc-hosts")] {
                status.message(14) { mount in
                    mount.text(1, place)
                    mount.text(2, source)
                }
            }
            status.text(15, "/var/log/pods/shop_shop-7d_u/app/5.log")
        }
        let info =
            #"{"sandboxID":"\#(sandbox)","pid":4711,"removing":false,"snapshotKey":"k","snapshotter":"overlayfs"}"#
        answer.map(2, ["info": info, "other": "{"])
        return answer.bytes
    }

    /// `PodSandboxStatusResponse`
    static let pod: [UInt8] = {
        var answer = ProtobufWriter()
        answer.message(1) { status in
            status.text(1, sandbox)
            status.message(2) { metadata in
                metadata.text(1, "shop-7d")
                metadata.text(2, "u-1")
                metadata.text(3, "shop")
            }
            status.map(7, ["app.kubernetes.io/name": "store"])
            status.map(8, ["longshore.logs.app.path": "/logs/*.log"])
        }
        return answer.bytes
    }()

    /// `Snapshots/Mounts`
    static func mounts(type: String = "overlay", _ options: [String], source: String = "overlay") -> [UInt8] {
        var answer = ProtobufWriter()
        answer.message(1) { mount in
            mount.text(1, type)
            mount.text(2, source)
            for option in options { mount.text(4, option) }
        }
        return answer.bytes
    }

    /// An envelope of containerd's events.
    static func event(
        _ type: String, _ id: String, namespace: String = "k8s.io", seconds: Int64 = 1_795_302_508,
        _ more: (inout ProtobufWriter) -> Void = { _ in }
    ) -> [UInt8] {
        var event = ProtobufWriter()
        event.message(1) { time in
            time.integer(1, seconds)
            time.integer(2, 733_319_776)
        }
        event.text(2, namespace)
        event.text(3, "/tasks/x")
        event.message(4) { any in
            any.text(1, type)
            any.message(2) { value in
                value.text(1, id)
                more(&value)
            }
        }
        return event.bytes
    }

    /// `ContainerEventResponse`
    static func criEvent(_ id: String, type: Int64, time: Int64) -> [UInt8] {
        var event = ProtobufWriter()
        event.text(1, id)
        event.integer(2, type)
        event.integer(3, time)
        return event.bytes
    }
}
