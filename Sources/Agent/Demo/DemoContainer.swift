// The demo's container: a real one, labelled as an app team would.
internal import Core
internal import Glibc

/// One container that writes a log below a directory of the demo. Made, started and removed by calls that block.
struct DemoContainer: Sendable {
    /// What the application in the container writes and when it stops.
    enum Amount: Sendable {
        case lines(Int)
        case untilRemoved
    }

    let docker: DockerCalls
    let name: String
    private let image: String
    private let isOwnImage: Bool

    /// Labels of other containers begin otherwise: the demo shows nobody's logs but its own.
    let labelPrefix = "longshore.demo-\(getpid())"
    var label: String { "\(labelPrefix).orders.path=/var/log/shop/*.log" }
    private static let ownImage = "longshore-demo"

    /// Looks for Docker and an image with a shell; nothing runs yet. Throws DockerFailure: why there is no container.
    static func prepare(socket: String) throws(DockerFailure) -> DemoContainer {
        let docker = DockerCalls(socket: socket)
        try docker.call("GET", "/_ping")
        let name = "longshore-demo-\(getpid())"
        if let archive = DemoImage.archive() {
            let tag = "\(getpid())"
            try docker.call(
                "POST", "/images/create?fromSrc=-&repo=\(ownImage)&tag=\(tag)", archive, type: "application/x-tar")
            return DemoContainer(docker: docker, name: name, image: "\(ownImage):\(tag)", isOwnImage: true)
        }
        for image in ["busybox", "alpine", "debian", "ubuntu"]
        where (try? docker.call("GET", "/images/\(image)/json")) != nil {
            return DemoContainer(docker: docker, name: name, image: image, isOwnImage: false)
        }
        throw DockerFailure(
            description: "there is no image with a shell: docker pull busybox, or install busybox-static")
    }

    /// Starts it with `directory` of the host as /var/log/shop.
    func start(directory: String, _ amount: Amount) throws(DockerFailure) {
        let script =
            switch amount {
            case .lines(let count): "i=0; while [ $i -lt \(count) ]; do i=$((i+1)); \(write); done; exec sleep 3600"
            case .untilRemoved: "i=0; while :; do i=$((i+1)); \(write); sleep 1; done"
            }
        var body = JSONText()
        body.begin()
        body.member("Image", image)
        let parts = [
            #","Cmd":["/bin/sh","-c",\#(DemoContainer.quoted(script))]"#,
            #","Labels":{"\#(labelPrefix).orders.path":"/var/log/shop/*.log","#
                + #""\#(labelPrefix).orders.labels":"team=orders","com.docker.compose.service":"orders"}"#,
            #","HostConfig":{"NetworkMode":"none","Binds":[\#(DemoContainer.quoted("\(directory):/var/log/shop"))]}}"#,
        ]
        try docker.call(
            "POST", "/containers/create?name=\(name)", body.bytes + parts.flatMap { Array($0.utf8) })
        do { try docker.call("POST", "/containers/\(name)/start") } catch {
            remove()
            throw error
        }
    }

    /// Ends and removes it, and the image if the demo made it. Failures are nobody's business any more.
    func remove() {
        _ = try? docker.call("DELETE", "/containers/\(name)?force=1&v=1")
        if isOwnImage { _ = try? docker.call("DELETE", "/images/\(image)?force=1") }
    }

    private var write: String {
        #"echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) INFO order $i shipped from a container" >>/var/log/shop/orders.log"#
    }

    private static func quoted(_ text: String) -> String {
        var json = JSONText()
        json.string(rawBytes: Array(text.utf8))
        return String(decoding: json.bytes, as: UTF8.self)
    }
}

extension Demo {
    /// The sections of the demo's configuration that are about containers.
    static func runtimesText(socket: String, labelPrefix: String) -> String {
        """
        runtimes: {docker: {enabled: true, socket: "\(socket)"}, cri: {enabled: false}, podman: {enabled: false}}
        labels: {prefix: \(labelPrefix)}
        """
    }

    static let noRuntimes =
        "runtimes: {docker: {enabled: false}, cri: {enabled: false}, podman: {enabled: false}}"
}
