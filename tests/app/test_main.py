import httpx2


def test_the_front_door_leads_to_the_documentation(client: httpx2.Client) -> None:
    response = client.get("/", follow_redirects=True)
    assert response.url.path == "/docs"
    assert "swagger" in response.text.lower()
