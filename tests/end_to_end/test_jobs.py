"""Jobs: explicit and implicit, spread in turn, bound to their member."""

from clients import get
from pool import wait_for


def test_an_explicit_job_has_its_own_credential_and_member(pool, site):
    user = pool.local["user"]
    created = [pool.rest("POST", f"/{user}/jobs", {"tunnel_name": pool.status()["tunnel_name"]})[1]
               for _ in range(6)]
    try:
        members = [job["tunnel_id"] for job in created]
        assert sorted(members.count(member) for member in set(members)) == [2, 2, 2]
        for job in created:
            url = job["proxy_url"]
            credential, _, address = url.split("//")[1].rstrip("/").rpartition("@")
            host, _, port = address.rpartition(":")
            assert get((host, int(port)), f"{site.url}/", credential)[2] == b"the site is here\n"
        for member in set(members):
            assert pool.rest("GET", f"/{user}/tunnels/{member}/num_jobs")[1]["jobs_running"] >= 2
    finally:
        for job in created:
            assert pool.rest("DELETE", f"/{user}/jobs/{job['id']}")[0] == 200
    ended = created[0]["proxy_url"].split("//")[1].rpartition("@")[0]
    assert get(pool.ingress, f"{site.url}/", ended)[0] == 407


def test_a_member_can_be_addressed_by_its_id(pool, site):
    for worker in pool.workers():
        credential = pool.credential(tunnel=worker["tunnel_id"], job=f"to-{worker['slot']}")
        for _ in range(3):
            assert get(pool.ingress, f"{site.url}/", credential)[0] == 200
        jobs = pool.rest("GET", f"/{pool.local['user']}/jobs")[1]
        mine = [job for job in jobs if job.get("label") == f"to-{worker['slot']}"]
        assert [job["tunnel_id"] for job in mine] == [worker["tunnel_id"]]
        assert pool.rest("GET", f"/{pool.local['user']}/tunnels/{worker['tunnel_id']}/num_jobs"
                         )[1]["jobs_running"] >= 1
        wait_for(lambda: pool.workers()[worker["slot"]]["jobs"] >= 1, "status shows the job")


def test_tunnels_listed_in_all_forms(pool):
    user = pool.local["user"]
    ids = sorted(worker["tunnel_id"] for worker in pool.workers())
    assert sorted(pool.rest("GET", f"/{user}/tunnels")[1]) == ids
    full = pool.rest("GET", f"/{user}/tunnels?full=1")[1]
    assert all(tunnel["is_ready"] and tunnel["status"] == "running" for tunnel in full)
    assert sorted(pool.rest("GET", f"/{user}/tunnels?all=true")[1][user]) == ids
    assert len(pool.rest("GET", f"/{user}/tunnels?full=true&all=1")[1][user]) == 3
    assert len(pool.rest("GET", f"/{user}/tunnels?filter=one_per_pool")[1]) == 1
    assert pool.rest("GET", f"/{user}/tunnels?protocol=kgp")[1] == []
    assert {tunnel["id"] for tunnel in pool.rest("GET", f"/{user}/all_tunnels?limit=50")[1]["tunnels"]} >= set(ids)
    assert pool.rest("GET", f"/{user}/tunnels/{ids[0]}")[1]["id"] == ids[0]
    assert pool.rest("GET", f"/{user}/tunnels/info/updates")[1]["configuration"]["regions"]
